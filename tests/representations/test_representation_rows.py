"""Arrays: what is refused, and that every kind gives the same numbers."""

import copy
import tracemalloc

import numpy as np
import pytest
from small_networks import noise
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.representations import (
    MEASURES,
    pair_of,
    rbf_cka,
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
    (RNG.random((9, 2)) * [1e200, 1e-200], RNG.random((9, 2)), "neuron 1 varies by less than"),
    (RNG.random((9, 2)) * [1e40, 1e-160], RNG.random((9, 2)), "neuron 1 varies by less than"),
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
        for m in ("cka", "cka_debiased")
    ]
    monkeypatch.setattr(rows, "_tensor_rows", lambda tensor: tensor.detach().double())
    kept = [measure(pair_of(X, Y)).value for measure in MEASURES.values()]
    np.testing.assert_allclose(kept, plain, atol=1e-12)
    for m, frame in zip(("cka", "cka_debiased"), frames, strict=True):
        found = regions.compare_layers(*networks, inputs, measure=m, **options).to_frame()
        numbers = ["value", "low", "high", "null_permuted"]
        np.testing.assert_allclose(found[numbers], frame[numbers], atol=1e-9)


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e-90, 1e80, 1e160, 1e307])
def test_values_of_any_size_score_what_they_do_at_size_one(networks, size):
    """Only a power of two is taken out, which rounds nothing but numbers near the smallest."""
    X, Y = RNG.standard_normal((60, 4)), RNG.standard_normal((60, 5))
    pair = pair_of(X * size, Y)
    for name, measure in MEASURES.items():
        expected = measure(pair_of(X, Y))
        rel = 1e-4 if size < 1e-300 else 1e-9
        assert measure(pair).value == pytest.approx(expected.value, rel=rel), name
        assert measure(pair).null == pytest.approx(expected.null, rel=rel), name
    assert rbf_cka(X * size, Y) == pytest.approx(rbf_cka(X, Y), rel=1e-4)
    small = [nn.Sequential(nn.Linear(4, 5)).double() for _ in range(2)]
    large = copy.deepcopy(small)
    for parameter in large[0].parameters():
        parameter.data *= max(size, 1e-300)
    values = [
        regions.compare_layers(*models, noise(90, 4), measure="cka", layers=["0"])["0"].value
        for models in (small, large)
    ]
    assert values[1] == pytest.approx(values[0], rel=1e-9)


@pytest.mark.parametrize("name", ["cka", "cka_debiased", "procrustes"])
def test_many_neurons_score_what_the_products_of_samples_say(name):
    X, Y = RNG.standard_normal((40, 900)), np.maximum(RNG.standard_normal((40, 300)), 0)
    X[:, ::7], X[:, 5] = 0, 3
    shared = np.outer(np.arange(40), np.ones(300))
    found = MEASURES[name](pair_of(X + 0.05 * shared[:, :1], Y + 0.1 * shared))
    K, L = (v - v.mean(0) for v in (X + 0.05 * shared[:, :1], Y + 0.1 * shared))
    if name == "procrustes":
        nuclear = np.linalg.svd(K.T @ L, compute_uv=False).sum()
        expected = nuclear / np.linalg.norm(K) / np.linalg.norm(L)
    else:
        K, L = K @ K.T, L @ L.T
        if name == "cka_debiased":
            K, L = map(u_centred, (K, L))
        expected = (K * L).sum() / np.linalg.norm(K) / np.linalg.norm(L)
    assert found.value == pytest.approx(expected, abs=1e-10)


def u_centred(gram):
    n = len(gram)
    np.fill_diagonal(gram, 0)
    means = gram.sum(0) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    gram = gram - means - means[:, None]
    np.fill_diagonal(gram, 0)
    return gram


def test_memory_of_many_neurons_grows_with_the_samples_not_their_square():
    X, Y = RNG.standard_normal((50, 3000)), RNG.standard_normal((50, 3000))
    tracemalloc.start()
    for measure in (regions.cka, regions.procrustes):
        measure(X, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * X.nbytes  # a Gram matrix of the neurons alone would take 60


def test_flattened_maps_are_kept_as_rows(convnets):
    images = noise(60, 1, 8, 8)
    found = regions.compare_layers(*convnets, images, measure="cka", mode="flatten", layers=["0"])
    X, Y = (model.eval()[0](images).detach().flatten(1).double() for model in convnets)
    assert found["0"].neurons_x == 256
    assert found["0"].value == pytest.approx(regions.cka(X, Y).value, abs=1e-6)
    assert found.details["accumulator"] == "store"
