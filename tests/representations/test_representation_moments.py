"""Sums batch by batch give what all rows at once give."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regions.representations import MEASURES, pair_of
from regions.representations.extent import Column, Extent
from regions.representations.moments import Moments, with_lengths
from regions.representations.stored import Stored
from regions.representations.triangle import Triangle

few = settings(max_examples=10, deadline=None, derandomize=True)


def accumulated(kind, X, Y, cuts):
    """The pair from batches of rows, with the first batch's mean as the origin."""
    bounds = [0, *sorted(cuts), len(X)]
    parts = [(X[a:b], Y[a:b]) for a, b in itertools.pairwise(bounds) if b > a]
    origin = [values.mean(axis=0) for values in parts[0]]
    if kind is Stored:
        sums = [kind.of(x, y) for x, y in parts]
    else:
        sums = [kind.of(with_lengths(x - origin[0]), with_lengths(y - origin[1])) for x, y in parts]
    total = sums[0]
    for more in sums[1:]:
        total = total + more
    x, y = (
        Column(
            name="layer",
            start=0,
            neurons=values.shape[1],
            extent=Extent.of(values),
            lengths=kind is not Stored,
        )
        for values in (X, Y)
    )
    return total.pair(x, y)


@pytest.mark.parametrize("kind", [Moments, Triangle, Stored])
@few
@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(1, 599), max_size=6),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    offset=st.sampled_from([0.0, 1e4]),
)
def test_any_split_gives_the_direct_result(kind, seed, cuts, scale, offset):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((600, 4))
    X = (Z @ rng.standard_normal((4, 6)) + rng.standard_normal((600, 6)) + offset) * scale
    Y = (Z @ rng.standard_normal((4, 5)) + rng.standard_normal((600, 5)) + offset) * scale
    X[:, 2], Y[:, 1] = 0, 7.5 * scale
    found, direct = accumulated(kind, X, Y, cuts), pair_of(X, Y)
    for name, measure in MEASURES.items():
        ours, reference = measure(found), measure(direct)
        assert ours.value == pytest.approx(reference.value, abs=1e-10), name
        assert (ours.dead_x, ours.dead_y, ours.constant_y) == (1, 0, 1)
        np.testing.assert_allclose(ours.coefficients, reference.coefficients, atol=1e-10)


@pytest.mark.parametrize("kind", [Moments, Triangle])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_large_offset_beside_a_small_spread(kind, scale):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((2000, 4))
    X = 1e4 + scale * (Z @ rng.standard_normal((4, 6)) + rng.standard_normal((2000, 6)))
    Y = 1e4 + scale * (Z @ rng.standard_normal((4, 5)) + rng.standard_normal((2000, 5)))
    found, direct = accumulated(kind, X, Y, [100, 1000]), pair_of(X, Y)
    for name, measure in MEASURES.items():
        assert measure(found).value == pytest.approx(measure(direct).value, abs=1e-10), name


def test_triangles_keep_accuracy_where_sums_of_products_lose_it():
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((3000, 8))
    spread = np.geomspace(1, 1e-6, 8)
    turn = [np.linalg.qr(rng.standard_normal((8, 8)))[0] for _ in range(2)]
    X = (Z + rng.standard_normal(Z.shape)) * spread @ turn[0]
    Y = (Z + rng.standard_normal(Z.shape)) * spread @ turn[1]
    bases = [np.linalg.qr(values - values.mean(axis=0))[0] for values in (X, Y)]
    expected = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    triangle = MEASURES["cca"](accumulated(Triangle, X, Y, [50, 900]))
    np.testing.assert_allclose(triangle.coefficients, expected, atol=1e-8)
    sums = MEASURES["cca"](accumulated(Moments, X, Y, [50, 900]))
    assert sums.status == "ill_conditioned"  # and says so


def test_memory_does_not_grow_with_the_number_of_batches():
    rng = np.random.default_rng(2)
    batch = rng.standard_normal((500, 40))
    peaks = []
    for repeats in (3, 20):
        tracemalloc.start()
        total = Moments.of(batch, batch)
        for _ in range(repeats):
            total = total + Moments.of(batch, batch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert total.n == 21 * 500
    assert peaks[1] < 1.1 * peaks[0]
