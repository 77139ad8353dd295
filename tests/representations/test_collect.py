"""One pass over both networks: same batches, positions, shuffles, memory."""

import numpy as np
import pytest
import torch
from small_networks import build, noise
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.representations import (
    map_rows,
)


def test_activations_that_are_not_finite_name_their_layer(networks):
    dense, pruned = networks
    with torch.no_grad():
        pruned[2].bias[3] = float("nan")
    with pytest.raises(ArgumentError, match="layer '2' of the second network has 60 NaN"):
        regions.compare_layers(dense, pruned, noise(60, 6), measure="cka")


def test_memory_does_not_grow_with_the_images(convnets):
    import tracemalloc

    peaks = []
    for count in (64, 256):
        stream = (noise(64, 1, 8, 8, seed=i) for i in range(count // 64))
        tracemalloc.start()
        regions.compare_layers(*convnets, stream, measure="cca", grid=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_both_networks_see_the_same_batches_in_evaluation_mode(networks):
    class Recorder(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.body, self.drop, self.seen = model, nn.Dropout(0.5), []

        def forward(self, x):
            self.seen.append(x.clone())
            assert not self.training
            return self.drop(self.body(x))

    dense, pruned = map(Recorder, networks)
    dense.train()
    regions.compare_layers(dense, pruned, noise(150, 6), batch_size=50)
    assert len(dense.seen) == len(pruned.seen) == 5  # two probes and three batches
    assert all(torch.equal(a, b) for a, b in zip(dense.seen, pruned.seen, strict=True))
    assert dense.training
    assert dense.body[0].training


def smooth_fields(seed, count=200, size=16, channels=8, sigma=2.0):
    from scipy.ndimage import gaussian_filter

    fields = np.random.default_rng(seed).standard_normal((count, channels, size, size))
    return gaussian_filter(fields, (0, 0, sigma, sigma), mode="wrap")


class Lookup(nn.Module):
    """Gives stored maps: input is the image's number."""

    def __init__(self, maps):
        super().__init__()
        self.register_buffer("maps", torch.as_tensor(maps))
        self.out = nn.Identity()
        self.layer = nn.ReLU()
        self.layer.forward = lambda x: x

    def forward(self, index):
        return self.layer(self.maps[index.long().flatten()])


def test_the_image_permutation_null_sees_the_dependence_between_positions():
    dense, pruned = Lookup(smooth_fields(0)), Lookup(smooth_fields(1))
    index = torch.arange(200)[:, None]
    found = regions.compare_layers(
        dense,
        pruned,
        index,
        measure="cca",
        statistic="mean_squared",
        permutations=5,
        layers=["layer"],
        batch_size=100,
    )
    row = found.layers[0]
    assert row.similarity.null == pytest.approx(8 / (200 * 256 - 1))
    assert row.null_permuted > 5 * row.similarity.null
    assert row.null_permuted == pytest.approx(row.similarity.value, rel=0.5)


def test_per_position_centring_takes_out_what_positions_share():
    shared = np.random.default_rng(9).standard_normal((1, 1, 16, 16))
    first, second = smooth_fields(0, sigma=0.01), smooth_fields(1, sigma=0.01)
    dense, pruned = Lookup(first + 2 * shared), Lookup(second + 2 * shared)
    index = torch.arange(200)[:, None]
    common = {"measure": "cca", "statistic": "mean_squared", "layers": ["layer"]}
    plain = regions.compare_layers(dense, pruned, index, permutations=2, **common)
    assert plain["layer"].value > 0.1
    assert plain.layers[0].null_permuted > 0.1
    centred = regions.compare_layers(dense, pruned, index, per_position=True, **common)
    by_hand = regions.cca(
        *(map_rows(m.maps.numpy() - m.maps.numpy().mean(axis=0)) for m in (dense, pruned)),
        statistic="mean_squared",
    )
    assert centred["layer"].value == pytest.approx(by_hand.value, abs=1e-10)
    assert centred["layer"].value < 0.002


@pytest.mark.parametrize("mode", ["spatial", "gap", "dft"])
def test_a_last_batch_of_one_image_counts_like_the_others(convnets, mode):
    images = noise(129, 1, 8, 8)
    found = [
        regions.compare_layers(*convnets, images, measure="cca", mode=mode, batch_size=size)
        for size in (64, 43)
    ]
    assert found[0].details["images"] == 129
    names = ["value", "n", "rank_x", "dead_y"]
    np.testing.assert_allclose(found[0].to_frame()[names], found[1].to_frame()[names], atol=1e-6)


def test_one_image_alone_is_refused(networks):
    with pytest.raises(ArgumentError, match="layer '0' has 1 samples and 8 neurons; expected at"):
        regions.compare_layers(*networks, noise(1, 6), measure="cka")


@pytest.mark.parametrize("accumulator", ["moments", "tsqr"])
def test_later_batches_of_another_scale_are_refused_or_right(accumulator):
    """All batches of a layer are divided by one power of two, that of the first."""
    models = [build(lambda: nn.Sequential(nn.Linear(4, 5)).double(), seed) for seed in range(2)]
    images = noise(80, 4, seed=5).double()
    options = {"measure": "cka", "accumulator": accumulator, "permutations": 0}
    batches = [images[:40], images[40:] * 1e78]
    with pytest.raises(ArgumentError, match="unlike the first batch"):
        regions.compare_layers(*models, batches, **options)
    batches = [images[:40], images[40:] * 1e20]
    kept = regions.compare_layers(*models, batches, **{**options, "accumulator": "store"})
    found = regions.compare_layers(*models, batches, **options)
    assert found["0"].value == pytest.approx(kept["0"].value, rel=1e-9)


@pytest.mark.parametrize("given, largest", [(None, 11), (64, 64)])
def test_by_default_no_more_is_held_than_fits(monkeypatch, convnets, given, largest):
    """Images are taken a few at a time where their activations are large, with equal results."""
    from regions.representations import collect

    images = noise(64, 1, 8, 8)
    options = {"measure": "cka", "grid": False, "permutations": 0}
    plain = regions.compare_layers(*convnets, images, **options)
    sizes = []

    def probed(model, settings, rows):
        read = plain_reader(model, settings, rows)

        class Counted:
            def __enter__(self):
                self.inner = read.__enter__()
                return lambda batch: sizes.append(len(batch)) or self.inner(batch)

            def __exit__(self, *error):
                return read.__exit__(*error)

        return Counted()

    with torch.no_grad():
        one = images[:1]
        held = 0
        for model in convnets:
            with regions.representations.capture(model) as seen:
                model(torch.as_tensor(one))
            held += sum(value.numel() for value in seen.values())
    plain_reader = collect.open_reader
    monkeypatch.setattr(collect, "open_reader", probed)
    monkeypatch.setattr(collect, "_HELD", 8 * held * 12)
    found = regions.compare_layers(*convnets, images, **options, batch_size=given)
    assert max(sizes) == largest  # 64 images in six parts, of at most 12
    assert sum(sizes) == 2 * (3 + 6) + 2 * 64  # the probes, and all images once in each network
    for layer in found.layers:
        assert layer.similarity.value == pytest.approx(plain[layer.layer].value, rel=1e-9)
