"""Arrays: what is refused, and that every kind gives the same numbers."""

import numpy as np
import pytest
from small_networks import noise

import regions
from regions.errors import ArgumentError
from regions.representations import (
    MEASURES,
    pair_of,
    rows,
)

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
