"""Results in every form, and errors that teach."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from small_networks import noise

import regions
from regions.errors import ArgumentError
from regions.representations import (
    SampleSizeWarning,
    Status,
    jackknife,
    similarity_grid,
)


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
