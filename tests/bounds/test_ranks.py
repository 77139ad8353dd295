"""Ranks of random sparse matrices: matching, sampling, closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import structural_rank

import regions
from regions.bounds.karp_sipser import mean_rank
from regions.bounds.sampled import random_supports, sampled_ranks
from regions.bounds.supports import generic_rank

sizes = st.integers(1, 12)
densities = st.floats(0.0, 1.0)


def random_support(rows, cols, density, rng, sampler="bernoulli"):
    return random_supports(rows, cols, density, 1, rng, sampler)


def mean_of(pmf):
    return float(pmf @ np.arange(pmf.size))


def test_structural_rank_is_the_rank_of_random_gaussian_matrices():
    rng = np.random.default_rng(0)
    for _ in range(300):
        rows, cols = rng.integers(1, 40, size=2)
        support = random_support(int(rows), int(cols), rng.uniform(0.01, 0.4), rng)
        dense = np.zeros((rows, cols))
        dense[support.nonzero()] = rng.normal(size=support.nnz)
        assert np.linalg.matrix_rank(dense) == generic_rank(support)


@given(sizes, sizes, densities, st.sampled_from(["sampled", "binomial", "mean"]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_probabilities_sum_to_one_over_all_ranks(rows, cols, density, method):
    pmf = regions.rank_distribution(rows, cols, density, method, samples=20)
    assert pmf.shape == (min(rows, cols) + 1,)
    assert (pmf >= 0).all()
    assert pmf.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("method", ["sampled", "binomial", "mean"])
def test_full_and_empty_matrices_are_certain(method):
    assert regions.rank_distribution(3, 5, 1.0, method).tolist() == [0, 0, 0, 1]
    assert regions.rank_distribution(3, 5, 0.0, method).tolist() == [1, 0, 0, 0]


def test_tiny_matrices_exactly():
    p = 0.37
    one = regions.rank_distribution(1, 1, p, samples=5_000)
    assert one[1] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 5_000))
    two = regions.rank_distribution(2, 2, p, samples=5_000)
    full, empty = 1 - (1 - p * p) ** 2, (1 - p) ** 4
    assert two[2] == pytest.approx(full, abs=4 * np.sqrt(full * (1 - full) / 5_000))
    assert two[0] == pytest.approx(empty, abs=4 * np.sqrt(empty / 5_000))


def test_the_binomial_law_is_never_below_the_rank_and_keeps_the_empty_matrix():
    p, rows, cols = 0.02, 6, 30
    pmf = regions.rank_distribution(rows, cols, p, "binomial")
    assert pmf[0] == pytest.approx((1 - p) ** (rows * cols))
    np.testing.assert_allclose(pmf, regions.rank_distribution(cols, rows, p, "binomial"))
    sampled = regions.rank_distribution(rows, cols, p, samples=4000)
    slack = 4 * np.sqrt(0.25 / 4000)
    assert (np.cumsum(pmf) <= np.cumsum(sampled) + slack).all()


def test_exact_count_supports_have_exactly_that_many_entries():
    rng = np.random.default_rng(0)
    for density in (0.0, 0.001, 0.03, 0.5, 1.0):
        support = random_support(40, 70, density, rng, "exact")
        assert support.nnz == round(density * 40 * 70)
        assert support.has_canonical_format
    counts = [random_support(40, 70, 0.1, rng).nnz for _ in range(300)]
    assert np.mean(counts) == pytest.approx(280, abs=4 * np.sqrt(280 * 0.9 / 300))
    assert np.var(counts) == pytest.approx(252, rel=0.4)


def test_exact_counts_make_ranks_less_variable():
    def spread(sampler):
        pmf = regions.rank_distribution(60, 60, 0.015, samples=1500, sampler=sampler)
        return pmf @ (np.arange(61) - mean_of(pmf)) ** 2

    assert spread("exact") < 0.8 * spread("bernoulli")


@pytest.mark.parametrize("density", [0.3, 0.015])
def test_every_entry_of_a_random_support_is_equally_likely(density):
    blocks = random_supports(4, 6, density, 8000, np.random.default_rng(1))
    row, col = blocks.nonzero()
    hits = np.zeros((4, 6))
    np.add.at(hits, (row % 4, col % 6), 1)
    assert np.abs(hits / 8000 - density).max() < 4.5 * np.sqrt(density * (1 - density) / 8000)


def test_vanishing_densities_give_empty_matrices():
    assert random_supports(50, 60, 5e-324, 100, np.random.default_rng(0)).nnz == 0
    assert regions.rank_distribution(50, 60, 1e-300)[0] == 1.0


@given(sizes, sizes, st.floats(0.01, 0.9))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_the_mean_rank_stays_in_range_and_the_two_point_law_keeps_it(rows, cols, density):
    mean = mean_rank(rows, cols, density)
    assert 0.0 <= mean <= min(rows, cols)
    pmf = regions.rank_distribution(rows, cols, density, "mean")
    assert mean_of(pmf) == pytest.approx(mean, abs=1e-9)
    assert np.count_nonzero(pmf) <= 2


def test_remembered_distributions_cannot_be_spoilt():
    first = regions.rank_distribution(10, 10, 0.1)
    kept = first.copy()
    first[:] = 0.0
    np.testing.assert_array_equal(regions.rank_distribution(10, 10, 0.1), kept)


def test_large_sparse_supports_need_memory_for_their_entries_only():
    support = random_support(200_000, 100_000, 1e-9, np.random.default_rng(0))
    assert support.shape == (200_000, 100_000)
    assert structural_rank(support) == pytest.approx(20, abs=20)


@pytest.mark.parametrize("density", [0.01, 0.2])
@pytest.mark.parametrize("sampler", ["bernoulli", "exact"])
def test_blocks_are_separate_supports(density, sampler):
    rows, cols, count = 7, 9, 30
    blocks = random_supports(rows, cols, density, count, np.random.default_rng(5), sampler)
    one_by_one = [
        blocks[i * rows : (i + 1) * rows][:, i * cols : (i + 1) * cols] for i in range(count)
    ]
    assert sum(block.nnz for block in one_by_one) == blocks.nnz
    if sampler == "exact":
        assert {block.nnz for block in one_by_one} == {round(density * rows * cols)}
    ranks = sampled_ranks(rows, cols, density, count, np.random.default_rng(5), sampler)
    assert ranks.tolist() == [generic_rank(block) for block in one_by_one]


def test_batches_do_not_repeat_matrices():
    ranks = sampled_ranks(300, 300, 0.5 / 300, 12_000, np.random.default_rng(0))
    halves = np.array_split(ranks, 2)
    assert len(ranks) == 12_000
    assert not np.array_equal(*halves)
