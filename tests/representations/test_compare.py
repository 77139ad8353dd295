"""Comparing networks: matching, nulls, intervals, taps, and errors that teach."""

import copy
import json
from functools import reduce
from operator import add

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.representations import (
    MEASURES,
    DegenerateLayerWarning,
    SampleSizeWarning,
    Status,
    compare_curves,
    dft_similarity,
    jackknife,
    map_rows,
    pair_of,
    rows,
    similarity_grid,
    untrained,
)
from regions.representations.extent import Extent
from regions.representations.moments import Column, Moments


def build(factory, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory()


def perceptron():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3))


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 3),
    )


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def networks():
    return build(perceptron, 0), build(perceptron, 1)


@pytest.fixture
def convnets():
    return build(convolutional, 0), build(convolutional, 1)


@pytest.mark.parametrize("accumulator", ["moments", "tsqr", "store"])
@pytest.mark.parametrize("measure", MEASURES)
def test_every_layer_gets_what_the_measure_gives_directly(networks, measure, accumulator):
    dense, pruned = networks
    inputs = noise(700, 6)
    found = regions.compare_layers(
        dense, pruned, inputs, measure=measure, accumulator=accumulator, batch_size=64
    )
    left = [dense[: i + 1](inputs) for i in range(5)]
    right = [pruned[: i + 1](inputs) for i in range(5)]
    names = [str(i) for i in range(5)]
    expected = similarity_grid(
        dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True)), measure
    )
    # single precision activations depend on the batch in their last digits
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-5)
    assert found.to_frame()["layer"].to_list() == names
    np.testing.assert_allclose(found.to_frame()["value"], np.diag(expected.matrix), atol=1e-5)


def test_one_network_with_itself_is_one_everywhere(convnets):
    dense, _ = convnets
    for mode in ("spatial", "gap", "resize"):
        found = regions.compare_layers(
            dense, copy.deepcopy(dense), noise(200, 1, 8, 8), measure="cca", mode=mode
        )
        np.testing.assert_allclose(found.to_frame()["value"], 1, atol=1e-9)


def test_rounding_in_single_precision_is_no_direction(networks):
    """Eight preactivations of six inputs have six directions, and rounding in two more."""
    dense, pruned = networks
    for accumulator in ("moments", "tsqr", "store"):
        found = regions.compare_layers(
            dense, pruned, noise(700, 6), measure="cca", layers=["0"], accumulator=accumulator
        )["0"]
        assert (found.rank_x, found.rank_y, found.k) == (6, 6, 6)
        assert found.value == pytest.approx(1, abs=1e-6)  # the same six inputs


def test_order_of_inputs_and_kind_of_loader_do_not_matter(networks):
    inputs, labels = noise(640, 6), torch.zeros(640)
    shuffled = DataLoader(
        TensorDataset(inputs, labels), 100, shuffle=True, generator=torch.Generator().manual_seed(5)
    )
    mappings = [{"image": part, "label": 0} for part in inputs.split(80)]
    results = [
        regions.compare_layers(*networks, source, measure="cka").to_frame()["value"]
        for source in (inputs, inputs.numpy(), shuffled, mappings, list(inputs.split(100)))
    ]
    for values in results[1:]:
        np.testing.assert_allclose(values, results[0], atol=1e-6)


def test_batch_norm_equals_its_convolution_under_cca_but_not_under_cka(convnets):
    """Pitfalls: batch norm refits channels; residual and batch-norm taps repeat themselves."""
    dense, _ = convnets
    dense(noise(64, 1, 8, 8))  # running statistics that are not 0 and 1
    with torch.no_grad():
        dense[1].weight.copy_(torch.tensor([0.1, 1.0, 5.0, 20.0]))
    images = noise(200, 1, 8, 8)
    values = {
        measure: regions.compare_layers(
            dense, dense, images, measure=measure, grid=True
        ).matrix.loc["0", "1"]
        for measure in ("cca", "cka", "procrustes")
    }
    assert values["cca"] == pytest.approx(1, abs=1e-6)
    assert values["cka"] < 0.99
    assert values["procrustes"] < 0.99


def test_taps_before_and_after_batch_norm_are_kept_apart(convnets):
    images = noise(200, 1, 8, 8)
    layers = {
        tap: regions.compare_layers(*convnets, images, tap=tap, measure="cka").to_frame()["layer"]
        for tap in ("linear", "norm", "relu")
    }
    assert layers["linear"].to_list() == ["0", "4", "8"]
    assert layers["norm"].to_list() == ["1"]
    assert layers["relu"].to_list() == ["2", "5"]


def test_layers_are_matched_by_name_and_the_others_named(networks):
    class Renamed(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.add_module("0", model[0])
            self.extra = nn.Linear(8, 3)

        def forward(self, x):
            return self.extra(getattr(self, "0")(x))

    dense, pruned = networks
    found = regions.compare_layers(dense, Renamed(pruned), noise(300, 6))
    assert [layer.layer for layer in found.layers] == ["0"]
    assert (found.unmatched_x, found.unmatched_y) == (("1", "2", "3", "4"), ("extra",))
    assert found.matrix.shape == (5, 2)
    with pytest.raises(ArgumentError, match="no layer name in common: the first has 0, 2, 4"):
        regions.compare_layers(dense, Prefixed(pruned), noise(9, 6), tap="linear")


class Prefixed(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.body = model

    def forward(self, x):
        return self.body(x)


# -- pitfalls of pruned networks ----------------------------------------------------------------


def kill(model, layer, units):
    with torch.no_grad():
        model[layer].weight[units] = 0
        model[layer].bias[units] = -1
    return model


def test_dead_units_are_dropped_counted_and_in_one_of_the_denominators(networks):
    dense, _ = networks
    pruned = kill(copy.deepcopy(dense), 0, [1, 4])
    found = regions.compare_layers(dense, pruned, noise(500, 6), measure="cca", layers=["0", "1"])
    before, after = found["0"], found["1"]
    assert (before.constant_y, before.dead_y) == (2, 0)  # the bias remains before the ReLU
    assert (after.constant_y, after.dead_y, after.rank_y) == (0, 2, 6)
    assert after.value == pytest.approx(1, abs=1e-6)
    assert after.value_all == pytest.approx(6 / 8, abs=1e-6)


def test_a_dead_layer_is_nan_with_a_status_and_one_warning(networks):
    dense, _ = networks
    pruned = kill(copy.deepcopy(dense), 0, slice(None))
    with pytest.warns(DegenerateLayerWarning, match="NaN for 0, 1, 2, 3, 4"):
        found = regions.compare_layers(dense, pruned, noise(500, 6), grid=True, blocks=5)
    frame = found.to_frame()
    assert frame["value"].isna().all()
    assert set(frame["status"]) == {"degenerate"}
    assert found["1"].dead_y == 8
    assert found.matrix.shape == (5, 5)
    with pytest.warns(DegenerateLayerWarning, match=r"cca is NaN: of 3 and 3 neurons 3 and 0"):
        result = regions.cca(np.zeros((50, 3)), np.random.default_rng(0).standard_normal((50, 3)))
    assert np.isnan(result.value)
    assert result.status is Status.DEGENERATE


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", MEASURES)
def test_no_measure_calls_two_dead_layers_equal(name):
    rng = np.random.default_rng(0)
    live, dead = rng.standard_normal((60, 4)), np.full((60, 4), 0.1)
    for X, Y in [(live, dead), (dead, live), (dead, dead), (np.zeros((60, 4)), np.zeros((60, 4)))]:
        result = MEASURES[name](pair_of(X, Y))
        assert np.isnan(result.value)
        assert result.status is Status.DEGENERATE


def test_fewer_live_directions_raise_the_mean_and_the_null_shows_it():
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((1000, 60)), rng.standard_normal((1000, 60))
    pruned = Y.copy()
    pruned[:, 5:] = 0
    full, few = regions.cca(X, Y), regions.cca(X, pruned)
    assert few.value > full.value + 0.05
    assert few.null > full.null + 0.03
    assert few.value - few.null == pytest.approx(full.value - full.null, abs=0.02)
    assert (few.k, few.rank_y, few.dead_y) == (5, 5, 55)


def test_removed_channels_are_no_obstacle():
    X = np.random.default_rng(4).standard_normal((400, 8))
    for name in ("cca", "svcca", "pwcca"):
        result = MEASURES[name](pair_of(X, X[:, :5]))
        assert (result.neurons_x, result.neurons_y, result.k) == (8, 5, 5)
        assert result.value == pytest.approx(1)


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
    assert len(dense.seen) == len(pruned.seen) == 4  # a probe and three batches
    assert all(torch.equal(a, b) for a, b in zip(dense.seen, pruned.seen, strict=True))
    assert dense.training
    assert dense.body[0].training


def test_half_precision_activations_are_summed_in_double():
    X = noise(4000, 5).double()
    Y = X @ noise(5, 5, seed=1).double()
    exact = regions.cca(X.numpy(), Y.numpy()).value
    for kind in (torch.float16, torch.bfloat16, torch.float32):
        result = regions.cca(X.to(kind), Y.to(kind))
        assert result.value == pytest.approx(exact, abs=1e-3)
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(6, 8)).to(torch.bfloat16)
        found = regions.compare_layers(model, model, noise(300, 6), measure="cca")
    assert found["0"].value == pytest.approx(1, abs=1e-9)


def test_torch_and_numpy_give_the_same_numbers():
    X, Y = noise(300, 4).double(), noise(300, 5, seed=1).double()
    for measure in (regions.cca, regions.svcca, regions.pwcca, regions.cka, regions.procrustes):
        assert measure(X, Y).value == measure(X.numpy(), Y.numpy()).value
        assert measure(X.clone().requires_grad_(), Y).value == measure(X.numpy(), Y).value


def test_the_path_of_tensors_that_stay_on_their_device(networks, monkeypatch):
    """Off the CPU, products are formed on the device; here the same code runs on the CPU."""
    X, Y = noise(300, 4).double(), noise(300, 5, seed=1).double()
    X[:, 2] = 0
    inputs = noise(300, 6)
    options = {"grid": True, "blocks": 4, "permutations": 1}
    plain = [measure(pair_of(X.numpy(), Y.numpy())).value for measure in MEASURES.values()]
    frames = [
        regions.compare_layers(*networks, inputs, measure=m, **options).to_frame()
        for m in ("svcca", "cka_debiased")
    ]
    monkeypatch.setattr(rows, "_tensor_rows", lambda tensor: tensor.detach().double())
    kept = [measure(pair_of(X, Y)).value for measure in MEASURES.values()]
    np.testing.assert_allclose(kept, plain, atol=1e-12)
    for m, frame in zip(("svcca", "cka_debiased"), frames, strict=True):
        found = regions.compare_layers(*networks, inputs, measure=m, **options).to_frame()
        numbers = ["value", "low", "high", "null_permuted"]
        np.testing.assert_allclose(found[numbers], frame[numbers], atol=1e-9)


# -- convolutional layers -----------------------------------------------------------------------


def test_positions_as_samples_and_their_limits(convnets):
    images = noise(120, 1, 8, 8)
    found = regions.compare_layers(*convnets, images, layers=["0", "4"], measure="cca")
    assert (found["0"].n, found["4"].n) == (120 * 64, 120 * 16)
    assert np.isnan(found.matrix.loc["0", "4"]) if "4" in found.matrix.columns else True
    few = regions.compare_layers(*convnets, images, layers=["0"], measure="cca", max_positions=9)
    assert few["0"].n == 120 * 9
    pooled = regions.compare_layers(
        *convnets, images, layers=["0", "4"], measure="cca", mode="resize", grid=True
    )
    assert pooled["0"].n == 120 * 16
    assert pooled.matrix.notna().all(axis=None)


def test_layers_of_unequal_resolution_are_named_not_guessed():
    dense = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1))
    pruned = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, stride=2))
    images = noise(100, 1, 8, 8)
    found = regions.compare_layers(dense, pruned, images)
    assert found["0"].status is Status.UNDEFINED
    assert "0: not comparable, 8x8 positions against 4x4 positions" in found.summary()
    for mode in ("gap", "resize"):
        assert np.isfinite(regions.compare_layers(dense, pruned, images, mode=mode)["0"].value)


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


def test_all_frequencies_pooled_are_the_positions():
    """Parseval: the covariance over frequencies is the covariance over positions."""
    from regions.representations.dft import frequency_weights, spectrum

    maps = np.random.default_rng(0).standard_normal((50, 3, 6, 5))
    blocks = spectrum(maps, (6, 5))
    pooled = np.einsum("ncij,ndij->cd", blocks.conj(), blocks)
    rows = map_rows(maps)
    np.testing.assert_allclose(pooled, rows.T @ rows, atol=1e-9)
    weights = frequency_weights((6, 5))
    assert sum(weights.values()) == 30
    whole = [regions.representations.layer_of(blocks[:, :, i, j]).gram for i, j in np.ndindex(6, 5)]
    half = [
        weight * regions.representations.layer_of(blocks[:, :, i, j]).gram.real
        for (i, j), weight in weights.items()
    ]
    np.testing.assert_allclose(np.sum(whole, axis=0).real, np.sum(half, axis=0), atol=1e-9)


def test_frequency_by_frequency_is_invariant_to_filters_and_mixing():
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((300, 3, 6, 6))
    kernel = np.fft.fft2(rng.standard_normal((3, 3)), (6, 6))
    filtered = np.fft.ifft2(np.fft.fft2(maps) * kernel).real
    mixed = np.einsum("ncij,dc->ndij", filtered, rng.standard_normal((3, 3)))
    assert dft_similarity(maps, mixed).value == pytest.approx(1, abs=1e-9)
    assert regions.cca(map_rows(maps), map_rows(mixed)).value < 0.9
    other = rng.standard_normal((300, 3, 4, 4))
    result = dft_similarity(maps, other)  # cropped to 3 x 3 shared frequencies
    assert (result.k, result.neurons_x, result.neurons_y) == (27, 108, 48)
    assert result.value == pytest.approx(result.null, abs=0.05)
    silent = maps.copy()
    silent[:, 1] = 0
    dead = dft_similarity(maps, silent)
    assert (dead.dead_y, dead.k, dead.value) == (36, 72, pytest.approx(1))
    assert dead.value_all == pytest.approx(72 / 108)
    assert np.isnan(dft_similarity(maps, np.zeros_like(maps)).value)
    with pytest.raises(ArgumentError, match="only 'cca' and 'svcca'"):
        dft_similarity(maps, maps, "cka")
    with pytest.raises(ArgumentError, match=r"X has shape \(300, 3\)"):
        dft_similarity(maps[:, :, 0, 0], maps)


def test_frequencies_in_a_comparison(convnets):
    images = noise(200, 1, 8, 8)
    dense, pruned = convnets
    found = regions.compare_layers(dense, pruned, images, measure="cca", mode="dft", layers=["0"])
    with regions.capture(dense, ["0"]) as x, regions.capture(pruned, ["0"]) as y:
        dense(images), pruned(images)
    direct = dft_similarity(x["0"], y["0"]).value
    assert found["0"].value == pytest.approx(direct, abs=1e-6)


# -- intervals and references -------------------------------------------------------------------


RHO = np.array([0.9, 0.7, 0.5, 0.3])


def independent_rows(rng, n=1000):
    Z, E = rng.standard_normal((n, 4)), rng.standard_normal((n, 4))
    return Z, Z * RHO + E * np.sqrt(1 - RHO**2), n


def positions_of_images(rng):
    """Eight positions per image that share half of their variance."""
    parts = []
    for _ in range(2):
        image = np.repeat(rng.standard_normal((200, 4)), 8, axis=0)
        parts.append((image + rng.standard_normal((1600, 4))) / np.sqrt(2))
    Z, E = parts
    return Z, Z * RHO + E * np.sqrt(1 - RHO**2), 200


def covered(draw, seed, blocks=20):
    """Whether each of two intervals holds the truth in one draw, blocks of whole images."""
    X, Y, images = draw(np.random.default_rng(seed))
    rows = np.arange(len(X)) * images // len(X) * blocks // images
    sums = [Moments.of(X[rows == k], Y[rows == k]) for k in range(blocks)]
    columns = [
        Column(name="layer", start=0, neurons=4, extent=Extent.of(values)) for values in (X, Y)
    ]
    pairs = [
        reduce(add, [part for k, part in enumerate(sums) if k != left_out]).pair(*columns)
        for left_out in (None, *range(blocks))
    ]
    hits = []
    for options, truth in [({}, RHO.mean()), ({"statistic": "mean_squared"}, (RHO**2).mean())]:
        value, *left_out = [MEASURES["cca"](pair, **options).value for pair in pairs]
        found = jackknife(value, left_out)
        hits.append(found.low <= truth <= found.high)
    return hits


@pytest.mark.parametrize("draw", [independent_rows, positions_of_images])
def test_intervals_cover_at_the_stated_rate(draw):
    rates = np.mean([covered(draw, seed) for seed in range(250)], axis=0)
    assert np.all(rates >= 0.92), rates
    assert np.all(rates <= 0.98), rates


def test_naive_resampling_of_rows_would_be_biased_but_blocks_are_not():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((1000, 50)), rng.standard_normal((1000, 50))
    drawn = rng.integers(0, 1000, 1000)
    squared = {"statistic": "mean_squared"}
    value = regions.cca(X, Y, **squared).value
    assert regions.cca(X[drawn], Y[drawn], **squared).value > 1.7 * value
    left_out = [
        regions.cca(np.delete(X, s, 0), np.delete(Y, s, 0), **squared).value
        for s in (slice(100 * k, 100 * k + 100) for k in range(10))
    ]
    assert jackknife(value, left_out).corrected < 0.01  # the bias is gone: the truth is 0


def test_blocks_in_a_comparison_equal_the_jackknife_by_hand(networks):
    inputs = noise(400, 6)
    found = regions.compare_layers(
        *networks, list(inputs.split(37)), measure="cka", blocks=8, layers=["1"]
    )
    X, Y = (model[:2](inputs).detach().double().numpy() for model in networks)
    keep = [np.arange(400) % 8 != k for k in range(8)]
    expected = jackknife(regions.cka(X, Y).value, [regions.cka(X[k], Y[k]).value for k in keep])
    interval = found.layers[0].interval
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    with pytest.raises(ArgumentError, match="5 images cannot fill 8 blocks"):
        regions.compare_layers(*networks, inputs[:5], measure="cka", blocks=8)


def test_reference_curves(networks):
    dense, other = networks
    state = torch.get_rng_state()
    fresh = untrained(dense, rng=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(fresh[0].weight, untrained(dense, rng=3)[0].weight)
    assert not torch.equal(fresh[0].weight, dense[0].weight)
    pruned = kill(copy.deepcopy(dense), 0, [0])
    curves = {"pruned": pruned, "another seed": other, "untrained": fresh}
    frame = compare_curves(dense, curves, noise(400, 6), measure="cka")
    values = frame.pivot(index="layer", columns="curve", values="value")
    assert (values["pruned"] > values["another seed"]).all()
    with pytest.raises(ArgumentError, match="others is empty"):
        compare_curves(dense, {}, noise(9, 6))
    fresh.register_parameter("gain", nn.Parameter(torch.ones(2)))
    with pytest.raises(UnsupportedModelError, match="no reset_parameters"):
        untrained(fresh)


def test_networks_without_modules(networks):
    dense, pruned = (regions.as_network(model, input_shape=(6,)) for model in networks)
    inputs = noise(500, 6)
    found = regions.compare_layers(dense, pruned, inputs, measure="cka")
    hooked = regions.compare_layers(*networks, inputs, measure="cka", tap="relu")
    assert [layer.layer for layer in found.layers][-1] == "output"
    np.testing.assert_allclose(found.to_frame()["value"][:2], hooked.to_frame()["value"], atol=1e-5)
    linear = regions.compare_layers(dense, pruned, inputs, measure="cka", tap="linear")
    np.testing.assert_allclose(
        linear.to_frame()["value"],
        regions.compare_layers(*networks, inputs, measure="cka", tap="linear").to_frame()["value"],
        atol=1e-5,
    )


# -- results and errors -------------------------------------------------------------------------


def test_the_result_in_every_form(networks):
    found = regions.compare_layers(
        *networks, noise(500, 6), blocks=5, permutations=2, measure="svcca"
    )
    frame = found.to_frame()
    assert {
        "layer",
        "value",
        "value_all",
        "null",
        "low",
        "high",
        "null_permuted",
        "dead_x",
        "rank_x",
        "status",
    } <= set(frame)
    assert (frame["low"] <= frame["corrected"]).all()
    assert json.loads(json.dumps(found.to_dict()))["measure"] == "svcca"
    assert "svcca of 5 layers over 500 images" in found.summary()
    fig, axes = plt.subplots(1, 3)
    found.plot(ax=axes[0])
    found.plot(ax=axes[1], kind="map")
    found["0"].plot(ax=axes[2])
    assert axes[0].get_ylabel() == "svcca"
    plt.close(fig)
    single = regions.cca(noise(100, 3), noise(100, 3))
    assert json.loads(json.dumps(single.to_dict()))["status"] == "ok"
    assert len(single.to_frame()) == 1
    assert float(single) == single.value
    with pytest.raises(KeyError, match="'fc' was not compared"):
        found["fc"]


RNG = np.random.default_rng(0)
BAD = [
    (RNG.random((100, 3)), RNG.random((90, 3)), "X has 100 samples and Y has 90"),
    (RNG.random((20, 50)), RNG.random((20, 3)), r"X has 20 samples \(rows\) and 50 neurons"),
    (RNG.random((20, 3)), RNG.random((20, 20)), "Y has 20 live neurons and 20 samples; cca needs"),
    (RNG.random((20, 3)), RNG.random((20, 19)), "at least 21 samples"),
    (np.array([[1.0, np.nan], [2, 3], [4, 6]]), RNG.random((3, 1)), "X has 1 NaN or infinite"),
    (RNG.random((9, 1)), np.array([[np.inf]] * 9), "first at sample 0, neuron 0"),
    (RNG.random(9), RNG.random(9), r"X has shape \(9,\); expected \(samples, neurons\)"),
    (RNG.random((9, 2, 3, 3)), RNG.random((9, 2)), "choose what a sample is"),
    (RNG.random((1, 2)), RNG.random((1, 2)), "X has 1 samples and 2 neurons"),
    ([["a"]], [["b"]], "X is a list that is no numeric array"),
    (np.full((9, 2), 1e308), RNG.random((9, 2)), "mean overflows"),
]


@pytest.mark.parametrize(("X", "Y", "message"), BAD)
def test_bad_arrays_are_refused_with_their_numbers(X, Y, message):
    with pytest.raises(ArgumentError, match=message):
        regions.cca(X, Y)


def test_bad_options_are_refused(networks):
    X = RNG.random((50, 3))
    for call, message in [
        (lambda: regions.cca(X, X, statistic="median"), "statistic is 'median'"),
        (lambda: regions.svcca(X, X, threshold=1.5), "threshold is 1.5"),
        (lambda: regions.svcca(X, X, n_components=0), "n_components is 0"),
        (lambda: regions.pwcca(X, X, side="left"), "side is 'left'"),
        (lambda: regions.procrustes(X, X, kind="distance"), "kind is 'distance'"),
        (lambda: regions.cka(X[:3], X[:3], debiased=True), "at least 4 samples in a batch; got 3"),
        (lambda: regions.cca(X, X, cv=1), "cv is 1; expected 2 to 50"),
        (lambda: regions.cca(X, X, cv=2, groups=[1]), r"groups has shape \(1,\)"),
        (lambda: regions.representations.rbf_cka(X, X, -1), "bandwidth is -1"),
        (lambda: similarity_grid([X], [X], "ccca"), "measure is 'ccca'; choose one of cca, svcca"),
        (lambda: similarity_grid([], [X]), "a list of layers is empty"),
        (lambda: similarity_grid([X], [X[:9]]), "X has 50 samples and Y has 9"),
        (lambda: jackknife(1.0, [1.0]), "1 blocks"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            call()
    for options, message in [
        ({"accumulator": "disk"}, "accumulator is 'disk'"),
        ({"blocks": 1}, "blocks is 1"),
        ({"mode": "diagonal"}, "mode is 'diagonal'"),
        ({"mode": "dft", "measure": "cka"}, "mode='dft' works with cca and svcca"),
        ({"per_position": True, "accumulator": "tsqr"}, "per_position works with"),
        ({"layers": ["9"]}, "no module is called 9"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            regions.compare_layers(*networks, noise(20, 6), **options)


def test_bad_inputs_are_refused(networks):
    inputs = noise(60, 6)
    for source, message in [
        (inputs[:0], "inputs are empty"),
        ([], "inputs are empty"),
        (3, "inputs are a int"),
        ([{"pixels": inputs}], r"a batch has the keys \['pixels'\]"),
        ([object()], "a batch is a object"),
        ((list(inputs.split(20)), list(inputs.flip(0).split(20))), "20 of 20 inputs differ"),
        ((list(inputs.split(20)), list(inputs.split(30))), r"shape \(20, 6\) and shape \(30, 6\)"),
        ((list(inputs.split(20)), list(inputs[:40].split(20))), "and no batch"),
        ((list(inputs[:40].split(20)), list(inputs.split(20))), "second loader has more"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            regions.compare_layers(*networks, source, measure="cka")
    same = (list(inputs.split(20)), list(inputs.split(20)))
    assert np.isfinite(regions.compare_layers(*networks, same, measure="cka")["0"].value)


def test_activations_that_are_not_finite_name_their_layer(networks):
    dense, pruned = networks
    with torch.no_grad():
        pruned[2].bias[3] = float("nan")
    with pytest.raises(ArgumentError, match="layer '2' of the second network has 60 NaN"):
        regions.compare_layers(dense, pruned, noise(60, 6), measure="cka")


def test_few_samples_warn_once_with_the_null(networks):
    with pytest.warns(SampleSizeWarning, match=r"0 \(n = 40, 8 neurons, independent layers would"):
        found = regions.compare_layers(*networks, noise(40, 6), measure="cca")
    assert found["0"].status is Status.FEW_SAMPLES
    with pytest.warns(SampleSizeWarning, match="0 "):
        crowded = regions.compare_layers(*networks, noise(9, 6), measure="cca")
    assert crowded["0"].status is Status.UNDEFINED
    with pytest.warns(SampleSizeWarning, match="60 samples for 20 directions"):
        regions.cca(RNG.random((60, 20)), RNG.random((60, 3)))


def test_a_limit_on_images_and_reading_from_a_stream(networks):
    stream = (part for part in noise(500, 6).split(100))
    found = regions.compare_layers(*networks, stream, measure="cka", max_images=250)
    assert found.details["images"] == 250


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
