"""Bounds for all networks of given widths: regression integers, the order, the index set."""

import itertools
import math
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.bounds.cells import (
    binomials,
    log_binomials,
    log_partial_sums,
    log_product,
    product,
    zaslavsky,
)
from regions.bounds.recursion import Step, exact_count, log_count

DENSE = {
    (1, 20, 20): 441,
    (1, 20, 20, 10): 4851,
    (2, 20, 20): 44521,
    (2, 3, 3): 40,
    (1, 3, 4, 5): 120,
    (4, 3, 2, 5): 171,
    (3, 4, 4, 4): 1631,
    (2, 4, 4): 121,
    (784, 10, 10): 616666,
    (784, 11, 11): 2449868,
}
ORDER = ("serra", "montufar", "naive", "trivial")
architectures = st.lists(st.integers(1, 12), min_size=2, max_size=5)
theorem = settings(max_examples=300, deadline=None, derandomize=True)


def bound(widths, kind="serra", **options):
    return regions.upper_bound(list(widths), kind, **options)


@pytest.mark.parametrize(("widths", "value"), DENSE.items())
def test_serra_regression_integers(widths, value):
    assert bound(widths).value == value


def test_serra_on_a_wide_network_in_logarithms():
    assert bound([784, 400, 400, 10]).log2 * math.log(2) == pytest.approx(560.783879, abs=5e-7)


@pytest.mark.parametrize(
    ("hyperplanes", "dim", "cells"), [(5, 1, 6), (5, 2, 16), (6, 3, 42), (3, 9, 8)]
)
def test_one_layer_is_zaslavskys_count(hyperplanes, dim, cells):
    assert zaslavsky(hyperplanes, dim) == cells
    assert bound([dim, hyperplanes]).value == cells


def index_set_sum(widths):
    """Serra's sum over J, term by term."""
    n0, *hidden = widths
    total = 0
    for inactive in itertools.product(*(range(n + 1) for n in hidden)):
        room = n0
        for n, j in zip(hidden, inactive, strict=True):
            if j > min(room, n):
                break
            room = min(room, n - j)
        else:
            total += prod(comb(n, j) for n, j in zip(hidden, inactive, strict=True))
    return total


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
@settings(theorem, max_examples=150)
def test_the_recursion_equals_the_index_set_sum(widths):
    assert bound(widths).value == index_set_sum(widths)


@given(architectures)
@theorem
def test_order_of_the_bounds(widths):
    values = [bound(widths, kind).value for kind in ORDER]
    assert values == sorted(values)
    assert values[-1] == 2 ** sum(widths[1:])


@given(architectures)
@theorem
def test_lower_bounds_stay_below_upper_bounds(widths):
    for kind in ("montufar", "serra", "arora"):
        try:
            low = regions.lower_bound(widths, kind)
        except regions.errors.ArgumentError:
            continue
        assert 1 <= low.value <= bound(widths).value
        assert low.side == "lower"


def test_lower_bounds_by_hand():
    assert regions.lower_bound([2, 4, 6, 5], "montufar").value == 2**2 * 3**2 * 16
    assert regions.lower_bound([1, 3, 4], "serra").value == bound([1, 3, 4]).value == 20
    assert regions.lower_bound([3, 6, 4, 4], "arora").value == 2 * zaslavsky(2, 2) * 4**2
    assert regions.lower_bound([3, 6, 4, 4], "serra").value == 2 * zaslavsky(2, 2) * 5**2


def test_the_one_dimensional_bound_is_the_exact_maximum():
    """For n0 = 1 and all widths at least 3 the maximum is prod(n + 1)."""
    for widths in ([1, 3], [1, 3, 5], [1, 7, 3, 4]):
        exact = prod(n + 1 for n in widths[1:])
        assert bound(widths).value == regions.lower_bound(widths, "serra").value == exact


def test_logits_counted_as_a_layer_multiply_the_dense_bound_in_one_dimension():
    assert bound([1, 20, 20, 10]).value == 11 * bound([1, 20, 20]).value


@given(architectures, st.integers(1, 12))
@theorem
def test_a_subspace_has_at_most_as_many_regions(widths, dim):
    dim = min(dim, widths[0])
    for kind in ORDER:
        on_subspace = bound(widths, kind, dim=dim)
        assert on_subspace.dim == dim
        assert on_subspace.value <= bound(widths, kind).value
        # dense layers: a subspace is the same as fewer inputs
        assert on_subspace.value == bound([dim, *widths[1:]], kind).value


steps = st.lists(
    st.tuples(
        st.integers(0, 7), st.integers(0, 7), st.integers(0, 11), st.integers(0, 4), st.booleans()
    ).map(lambda s: Step(s[0], min(s[1], s[0]), min(max(s[1:3]), s[0] + s[3]), s[3], s[4])),
    max_size=4,
)


@given(steps, st.integers(0, 9))
@settings(theorem, max_examples=500)
def test_the_fast_recursion_equals_the_plain_double_loop(layers, dim):
    def plain(position, d):
        if position == len(layers):
            return 1
        m, r, q, s, keeps = layers[position]
        target = [min(d, q, m + s) if keeps else min(m - j + s, d, q) for j in range(m + 1)]
        return sum(comb(m, j) * plain(position + 1, target[j]) for j in range(min(m, r, d) + 1))

    expected = plain(0, dim)
    assert exact_count(layers, dim) == expected
    assert log_count(layers, dim) == pytest.approx(math.log(expected), abs=1e-11)


def test_logarithms_agree_with_exact_integers_on_wide_layers():
    widths = [1024, 4096, 4096, 10]
    layers = [Step(n, n, n) for n in widths[1:]]
    assert log_count(layers, 1024) == pytest.approx(math.log(exact_count(layers, 1024)), rel=1e-13)
    arrangements = [(300, 20), (50, 80), (2000, 1500)]
    assert log_product(arrangements) == pytest.approx(math.log(product(arrangements)), rel=1e-13)


def test_remembered_rows_cannot_be_changed():
    for row in (log_binomials(9, 4), log_partial_sums(9, 4)):
        with pytest.raises(ValueError, match="read-only"):
            row[0] = 1.0
    assert binomials(9, 4) == (1, 9, 36, 84, 126)


def test_very_wide_networks_have_a_logarithm_and_no_integer():
    wide = bound([3, 20_000, 20_000])
    assert wide.value is None
    narrow = bound([3, 7_000, 7_000])
    assert narrow.log2 == pytest.approx(math.log2(narrow.value))
    assert wide.log2 == pytest.approx(
        math.log2(exact_count([Step(20_000, 20_000, 20_000)] * 2, 3)), abs=1e-9
    )
    assert bound([3, 20_000, 20_000], "trivial").log2 == pytest.approx(40_000)


def test_the_result_says_what_it_is():
    result = bound([2, 20, 20])
    assert result.to_dict()["value"] == 44521
    assert result.to_frame().loc[0, "value"] == "44521"
    assert "at most 44,521 activation regions" in result.summary()
    assert isinstance(result.value, int)
    assert not result.is_expectation
    assert "2^209.0791" in bound([784, 100, 100, 10]).summary()
    low = regions.lower_bound([2, 4, 4])
    assert "at least 44 affine pieces" in low.summary()


def test_widths_may_be_numpy_integers():
    assert bound(np.array([2, 20, 20])).value == 44521
    assert bound((np.int64(2), 20, 20)).widths == (2, 20, 20)


def test_a_bound_says_whether_it_counts_the_outputs():
    given = regions.upper_bound([3, 5, 4, 2])
    assert given.counts_output and "2 outputs counted as ReLU units" in given.summary()
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(m, n)), np.zeros(m)) for n, m in ((3, 5), (5, 4), (4, 2))]
    read = regions.upper_bound(pairs)
    assert not read.counts_output and "outputs" not in read.summary()
    assert read.value == regions.upper_bound([3, 5, 4]).value < given.value


def test_serras_lower_bound_folds_only_layers_three_times_as_wide():
    # 4 < 3 x 2 units: only the zonotope applies, 2 Z(1, 1) (4 + 1); folding would claim 99
    assert regions.lower_bound([2, 4, 4], kind="serra").value == 20
    assert regions.lower_bound([2, 6, 6], kind="serra").value == 4**2 * 22
