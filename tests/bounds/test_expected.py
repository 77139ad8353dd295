"""Cai et al.'s expectation: published values, limits, and the average it stands for."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import regions
from regions.bounds import Expected
from regions.bounds.cai import log2_at_ranks, log2_expected
from regions.bounds.expected import layer_distributions

small = st.lists(st.integers(1, 6), min_size=2, max_size=4)


def expected(widths, density, **options):
    return regions.upper_bound(widths, "expected", density=density, **options)


def test_published_setting_with_the_binomial_law():
    result = expected([784, 100, 100, 10], [0.01, 0.01, 1.0], rank="binomial")
    assert result.log2 * math.log(2) == pytest.approx(144.918160, abs=5e-7)
    assert result.log2 == pytest.approx(209.073, abs=5e-4)
    assert result.value is None
    assert result.is_expectation


@pytest.mark.parametrize(
    ("density", "binomial"), [(0.001, 172.84), (0.0005, 151.03), (0.0001, 90.63)]
)
def test_uniform_splits_of_the_two_layer_network(density, binomial):
    widths, split = [784, 100, 100, 10], [density, density, 1.0]
    assert expected(widths, split, rank="binomial").log2 == pytest.approx(binomial, abs=0.005)
    assert expected(widths, split, samples=50).log2 < binomial


@given(small)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_density_one_is_serra_and_density_zero_is_one_region(widths):
    serra = regions.upper_bound(widths)
    for rank in ("sampled", "binomial", "mean"):
        assert expected(widths, 1.0, rank=rank).log2 == pytest.approx(serra.log2, abs=1e-12)
        assert expected(widths, 0.0, rank=rank).log2 == 0.0


def test_dense_wide_network():
    result = expected([784, 400, 400, 10], 1.0, rank="binomial")
    assert result.log2 * math.log(2) == pytest.approx(560.783879, abs=5e-7)


@given(small, st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_expectation_is_the_average_over_rank_tuples(widths, seed, dim):
    """Sum over all tuples of ranks of probability times the bound at those ranks."""
    rng = np.random.default_rng(seed)
    tops = [min(a, b) for a, b in itertools.pairwise(widths)]
    pmfs = [rng.dirichlet(np.full(top + 1, 0.5)) for top in tops]
    dim = min(dim, widths[0])
    average = sum(
        math.prod(pmf[k] for pmf, k in zip(pmfs, ranks, strict=True))
        * 2 ** log2_at_ranks(widths, ranks, dim)
        for ranks in itertools.product(*(range(top + 1) for top in tops))
    )
    logs = [np.log(pmf) for pmf in pmfs]
    assert 2 ** log2_expected(widths, logs, dim) == pytest.approx(average, rel=1e-10)


def test_expectation_is_the_mean_of_the_rank_bound_over_sampled_masks():
    """Monte Carlo over masks: within four standard errors of the recursion's value."""
    widths, density = [6, 8, 7, 5], 0.3
    rng = np.random.default_rng(3)
    values = []
    for _ in range(400):
        masks = [rng.random((b, a)) < density for a, b in itertools.pairwise(widths)]
        values.append(regions.upper_bound(widths, "rank", masks=masks).value)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    recursion = 2 ** expected(widths, density, samples=4000).log2
    assert abs(np.mean(values) - recursion) < 4 * error


def test_point_masses_reproduce_the_bound_at_those_ranks():
    widths, ranks = [5, 6, 4, 3], [4, 2, 3]
    tops = [min(a, b) for a, b in itertools.pairwise(widths)]
    with np.errstate(divide="ignore"):
        pmfs = [np.log(np.eye(top + 1)[k]) for top, k in zip(tops, ranks, strict=True)]
    for dim in range(1, 6):
        assert log2_expected(widths, pmfs, dim) == pytest.approx(
            log2_at_ranks(widths, ranks, dim), abs=1e-12
        )


def test_leaky_layers_keep_dimensions():
    widths = [3, 4, 3]
    pmfs = layer_distributions(widths, [1.0, 1.0])
    leaky = 2 ** log2_expected(widths, pmfs, 3, keeps=[True, False])
    assert leaky == pytest.approx(15 * 8)  # Z(4, 3) Z(3, 3): nothing is lost
    assert 2 ** log2_expected(widths, pmfs, 3) < leaky


def test_same_seed_same_answer_and_other_seeds_differ():
    widths, density = [20, 15, 15, 15], 0.1
    first = expected(widths, density, rng=1).log2
    assert first == expected(widths, density, rng=1).log2
    assert first != expected(widths, density, rng=2).log2
    generator = np.random.default_rng(1)
    draws = [expected(widths, density, rng=generator).log2 for _ in range(2)]
    assert draws[0] != draws[1]


def test_layers_of_one_shape_get_independent_samples():
    pmfs = layer_distributions([15, 15, 15], [0.1, 0.1])
    assert not np.array_equal(*pmfs)


def test_both_variants_of_a_subspace_in_figure_2():
    """A d-plane cuts the rank of an n1 x 784 matrix at d; an n1 x d matrix is much emptier."""
    widths, density = [20, 20, 10], [0.005, 0.005, 1.0]
    whole = expected([784, *widths], density, dim=1, samples=500).log2
    narrow = expected([1, *widths], density, samples=500).log2
    assert narrow < whole - 2.0


def test_layer_densities_by_name_on_a_network():
    rng = np.random.default_rng(0)
    net = [(rng.normal(size=shape), None) for shape in ((5, 4), (3, 5), (2, 3))]
    by_name = expected(net, {"layer1": 0.5}, rank="binomial")
    assert by_name.density == (0.5, 1.0)
    assert by_name.widths == (4, 5, 3)
    assert by_name.log2 == expected([4, 5, 3], [0.5, 1.0], rank="binomial").log2
    assert by_name.log2 == expected(net, [0.5, 1.0], rank="binomial").log2
    assert expected(net, 0.5, rank="binomial").density == (0.5, 0.5)


def test_layer_densities_by_name_on_widths():
    named = expected([4, 5, 3], {"layer1": 0.5}, rank="binomial")
    assert named == expected([4, 5, 3], [0.5, 1.0], rank="binomial")
    last = expected([4, 5, 3], {"layer1": 0.5, "output": 0.2}, rank="binomial")
    assert last.density == (0.5, 0.2)


def test_ranks_too_rare_for_a_float_still_count():
    """The mean is at least any one term P(k_1) P(k_2) B(k_1, k_2), however small P(k_1) is."""
    widths, p = [1024, 4096, 4096, 10], 5e-5
    non_empty = [-math.expm1(4096 * math.log1p(-p))] * 2
    terms = [
        stats.binom.logpmf(k, 1024, non_empty[0]) / math.log(2)
        + stats.binom.logpmf(m, 4096, non_empty[1]) / math.log(2)
        + log2_at_ranks(widths, [k, m, 10], 1024)
        for k in range(400, 1024, 48)
        for m in range(700, 2000, 100)
    ]
    total = expected(widths, [p, p, 1.0], rank="binomial").log2
    assert max(terms) <= total <= max(terms) + 40
    assert total == pytest.approx(4594.13, abs=0.01)


def test_a_kind_with_options_is_the_object_that_holds_them():
    widths = [4, 6, 5]
    named = regions.upper_bound(widths, "expected", density=0.3, rank="mean", samples=7)
    held = regions.upper_bound(widths, Expected(rank="mean", samples=7), density=0.3)
    assert named == held
    assert held != regions.upper_bound(widths, Expected(), density=0.3)


def test_shape_and_density_do_not_say_the_rank_of_a_convolution():
    """The reason why there is no such bound for kernels: the layer's matrix is no random one."""
    n, rng = 20, np.random.default_rng(0)
    ranks = []
    for kept in itertools.combinations(range(4), 2):
        kernel = np.zeros(4)
        kernel[list(kept)] = rng.normal(size=2)
        ranks.append(np.linalg.matrix_rank(np.kron(kernel.reshape(2, 2), np.eye(n))))
    assert np.mean(ranks) == pytest.approx(4 * n / 3)
    log_pmf = layer_distributions([2 * n, 2 * n], [0.5], samples=50)[0]
    assert np.exp(log_pmf) @ np.arange(2 * n + 1) > 1.9 * n
