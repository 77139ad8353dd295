"""CKA: agreement with kernels, batches, outliers."""

import itertools

import numpy as np
import pytest
from activations import related, well_conditioned
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.errors import ArgumentError
from regions.representations import (
    DegenerateLayerWarning,
    SampleSizeWarning,
    SimilarityStatus,
    minibatch_cka,
    rbf_cka,
)

few = settings(max_examples=15, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32 - 1)


def gram_cka(X, Y, debiased):
    """CKA from n x n kernels; debiased by U-centring."""
    n = len(X)
    kernels = [values @ values.T for values in (X, Y)]
    if not debiased:
        H = np.eye(n) - 1 / n
        kernels = [H @ kernel @ H for kernel in kernels]
    else:
        for kernel in kernels:
            np.fill_diagonal(kernel, 0)
            means = kernel.sum(axis=0) / (n - 2)
            means -= means.sum() / (2 * (n - 1))
            kernel -= means[:, None] + means
            np.fill_diagonal(kernel, 0)
    K, L = kernels
    return np.vdot(K, L) / np.sqrt(np.vdot(K, K) * np.vdot(L, L))


@few
@given(seeds, st.booleans())
def test_cka_from_features_equals_cka_from_kernels(seed, debiased):
    rng = np.random.default_rng(seed)
    for p in (6, 90):  # fewer and more neurons than the 60 samples
        X, Y = related(rng, n=60, p=p)
        X, Y = X + 5, Y - 3  # kernels that are not centred
        value = regions.cka(X, Y, debiased=debiased).value
        assert value == pytest.approx(gram_cka(X, Y, debiased), abs=1e-10)


def test_cka_of_a_layer_with_its_whitened_self():
    rng = np.random.default_rng(14)
    X = rng.standard_normal((300, 5)) @ well_conditioned(rng, 5, condition=5)
    X -= X.mean(axis=0)
    values = np.linalg.eigvalsh(X.T @ X)
    whitened = np.linalg.svd(X, full_matrices=False)[0]
    expected = values.sum() / np.sqrt(5 * (values**2).sum())
    assert regions.cka(X, whitened).value == pytest.approx(expected, abs=1e-12)
    assert regions.cka(X, X @ well_conditioned(rng, 5)).value < 0.999


def test_minibatch_cka_with_one_batch_is_the_debiased_value():
    X, Y = related(np.random.default_rng(15))
    whole = regions.cka(X, Y, debiased=True).value
    assert minibatch_cka([(X, Y)]) == pytest.approx(whole, abs=1e-12)
    batches = [(X[i : i + 60], Y[i : i + 60]) for i in range(0, 400, 60)]  # the last has 40
    assert minibatch_cka(batches) == pytest.approx(whole, abs=0.02)


def of_unequal_scale(by_x=0, by_y=0):
    """Four batches, whose activations differ by up to 100, times powers of two."""
    X, Y = related(np.random.default_rng(20), n=48)
    X[12:24] *= 100
    Y[24:36] *= 0.01
    X, Y = X * 2.0**by_x, Y * 2.0**by_y
    return [(X[i : i + 12], Y[i : i + 12]) for i in range(0, 48, 12)]


@pytest.mark.parametrize("by_x", [-1000, -700, -168, -160, 110, 150, 168, 240, 600, 1000])
@pytest.mark.parametrize("by_y", [-900, 0, 160, 900])
def test_batches_count_alike_at_any_scale(by_x, by_y):
    """A power of two rounds nothing, also where some of the batches are beyond 1e50 only."""
    assert minibatch_cka(of_unequal_scale(by_x, by_y)) == minibatch_cka(of_unequal_scale())


def test_batches_of_unequal_scale_are_no_batches_of_equal_scale():
    """The control: each batch divided by a power of two of its own gives another number."""
    own = [(x / np.abs(x).max(), y / np.abs(y).max()) for x, y in of_unequal_scale()]
    assert abs(minibatch_cka(own) - minibatch_cka(of_unequal_scale())) > 0.01


def test_a_silent_batch_beside_tiny_ones_changes_nothing():
    tiny = of_unequal_scale(-900, -900)
    silent = (np.zeros((12, 6)), np.zeros((12, 5)))
    assert minibatch_cka([silent, *tiny]) == minibatch_cka(tiny)


@pytest.mark.parametrize("power", [-165, -140, 130, 150, 165])
def test_debiased_cka_neither_overflows_nor_vanishes(power):
    """Fourth powers of such values fit in double precision, their products do not."""
    X, Y = related(np.random.default_rng(21), n=40)
    found = regions.cka(X * 2.0**power, Y * 2.0**power, debiased=True).value
    assert found == regions.cka(X, Y, debiased=True).value


def test_rbf_cka_tends_to_linear_cka():
    X, Y = related(np.random.default_rng(16), n=100)
    linear = regions.cka(X, Y).value
    assert rbf_cka(X, Y, 1e3) == pytest.approx(linear, abs=1e-4)
    for bandwidth in (1e6, 1e9, 1e100):  # where exp(-x) rounds to 1
        assert rbf_cka(X, Y, bandwidth) == pytest.approx(linear, rel=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rbf_cka_refuses_what_is_not_finite(bad):
    X, Y = related(np.random.default_rng(16), n=20)
    X[3, 2] = bad
    for pair in ((X, Y), (Y, X)):
        with pytest.raises(ArgumentError, match=r"1 NaN or infinite .* sample 3, neuron 2"):
            rbf_cka(*pair)


def test_a_few_samples_far_out_decide_cka_and_the_result_says_so():
    """Davari et al. 2022: moving a tenth of the samples by c makes CKA tend to a limit."""
    rng = np.random.default_rng(17)
    X = rng.standard_normal((1000, 50))
    moved, shift = X.copy(), rng.standard_normal(50)
    moved[:100] += 1e6 * shift / np.linalg.norm(shift)
    centred = X - X.mean(axis=0)
    mean = np.linalg.norm(centred[:100].mean(axis=0))
    limit = 1000 * 0.1 * mean**2 / (0.9 * np.linalg.norm(centred.T @ centred))
    assert regions.cka(X, moved).value == pytest.approx(limit, rel=1e-3)
    assert regions.cca(X, moved).value > 0.9
    one = X.copy()
    one[3] *= 1e4
    assert regions.cka(X, one).details["largest_share"] > 0.99


def hsic(X, Y):
    """The U-statistic from n x n kernels without their diagonals (Song et al. 2007)."""
    n, kernels = len(X), []
    for values in (X, Y):
        kernel = values @ values.T
        np.fill_diagonal(kernel, 0.0)
        kernels.append(kernel)
    K, L = kernels
    total = np.trace(K @ L) + K.sum() * L.sum() / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * (K @ L).sum()) / (n * (n - 3))


def test_batches_of_unequal_size_count_by_their_samples():
    X, Y = related(np.random.default_rng(18), n=30)
    parts = [(X[:5], Y[:5]), (X[5:], Y[5:])]
    sums = [sum(len(x) * hsic(x, y) for x, y in pairs) for pairs in (
        parts, [(x, x) for x, _ in parts], [(y, y) for _, y in parts]
    )]  # fmt: skip
    expected = sums[0] / np.sqrt(sums[1] * sums[2])
    assert minibatch_cka(parts) == pytest.approx(expected, rel=1e-10)


def test_the_null_is_the_mean_over_all_orders_of_the_samples():
    X, Y = related(np.random.default_rng(19), n=6)
    orders = itertools.permutations(range(6))
    mean = np.mean([gram_cka(X, Y[list(order)], False) for order in orders])
    assert regions.cka(X, Y).null == pytest.approx(mean, rel=1e-10)


@pytest.mark.parametrize("n", [5, 20, 33, 100])
def test_a_side_that_single_samples_hold_has_no_debiased_cka(n):
    """Its own U-statistic is 0, whatever sign rounding gives it; the kernel form says so, too."""
    rng = np.random.default_rng(n)
    X, Y = np.zeros((n, 1)), rng.standard_normal((n, 4))
    X[2] = rng.standard_normal()
    assert abs(hsic(X - X.mean(), X - X.mean())) < 1e-12 * X[2, 0] ** 4
    for one in (X, np.eye(n)):
        for pair in ((one, Y), (Y, one), (one, one)):
            with pytest.warns(SampleSizeWarning, match="cka_debiased is NaN: The measure says no"):
                found = regions.cka(*pair, debiased=True)
            assert found.status is SimilarityStatus.UNDEFINED
            assert np.isnan(found.value)
    with pytest.warns(DegenerateLayerWarning, match="minibatch_cka is NaN: a side does not vary"):
        assert np.isnan(minibatch_cka([(X, Y), (X, Y)]))
    X[3] = 1e-2 * X[2]  # the control: a second sample
    assert regions.cka(X, Y, debiased=True).status is SimilarityStatus.OK


def test_kernels_of_equal_samples_say_why_they_are_undefined():
    X = np.random.default_rng(0).standard_normal((20, 2))
    with pytest.warns(DegenerateLayerWarning, match="rbf_cka is NaN: most samples of a side are"):
        assert np.isnan(rbf_cka(np.ones((20, 2)), X))
