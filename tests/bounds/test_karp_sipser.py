"""The closed form of the mean rank, against sampling."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.bounds.karp_sipser import _variance, mean_rank

# the last column: sampled means of an independent script, with their standard errors
LISTED = [
    (100, 100, 0.01, 54.84, 0.21),
    (100, 100, 0.02, 78.86, 0.2),
    (100, 100, 0.03, 92.06, 0.11),
    (400, 400, 0.0025, 218.2, 0.4),
    (100, 784, 0.001, 53.48, 0.3),
    (200, 100, 0.01, 84.23, 0.3),
    (84, 120, 0.01, 53.87, 0.3),
    (1000, 1000, 0.0027, 891.6, 1.0),
    (4096, 1024, 5e-4, 884.9, 1.3),
]


def sampled_mean(rows, cols, density, samples):
    pmf = regions.rank_distribution(rows, cols, density, samples=samples, rng=11)
    ranks = np.arange(pmf.size)
    mean = float(pmf @ ranks)
    return mean, float(np.sqrt((pmf @ (ranks - mean) ** 2) / samples))


@pytest.mark.parametrize(("rows", "cols", "density", "listed", "error"), LISTED)
def test_within_half_a_percent_of_sampled_means(rows, cols, density, listed, error):
    found = mean_rank(rows, cols, density)
    mean, deviation = sampled_mean(rows, cols, density, 2000 if rows * cols < 10**5 else 100)
    assert found == pytest.approx(mean, abs=0.005 * mean + 2 * deviation)
    assert found == pytest.approx(listed, abs=0.005 * listed + 2 * error)


@pytest.mark.parametrize("degree", [2.75, 3.0, 3.3, 4.0, 6.0])
def test_square_matrices_above_e_entries_per_row_need_the_second_maximum(degree):
    mean, deviation = sampled_mean(100, 100, degree / 100, 2000)
    assert mean_rank(100, 100, degree / 100) == pytest.approx(
        mean, abs=0.005 * mean + 2 * deviation
    )


@given(st.integers(1, 300), st.integers(1, 300), st.floats(1e-4, 0.99))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_transposing_changes_nothing_and_empty_rows_and_columns_are_a_limit(rows, cols, density):
    mean = mean_rank(rows, cols, density)
    assert mean == mean_rank(cols, rows, density)
    small, large = sorted((rows, cols))
    non_empty = small * (1 - (1 - density) ** large)
    assert 0.0 <= mean <= non_empty * (1 + 1e-9)


def test_one_row_is_exact():
    for cols, density in ((1, 0.3), (7, 0.2), (103, 1e-4)):
        assert mean_rank(1, cols, density) == pytest.approx(1 - (1 - density) ** cols, rel=1e-6)


def test_sparse_limits():
    assert mean_rank(300, 200, 1e-7) == pytest.approx(300 * 200 * 1e-7, rel=1e-2)
    assert mean_rank(300, 200, 0.5) == pytest.approx(200)
    # one entry per row of a large square matrix: 2 - 2x - x^2 with x = exp(-x)
    x = 0.5671432904097838
    assert mean_rank(10**5, 10**5, 1e-5) / 10**5 == pytest.approx(2 - 2 * x - x * x, rel=1e-4)


@pytest.mark.parametrize(("rows", "cols", "density"), [(2, 3, 0.3), (3, 3, 0.5), (1, 4, 0.2)])
def test_the_variance_of_empty_rows_less_empty_columns_over_all_masks(rows, cols, density):
    first = second = 0.0
    for bits in itertools.product([0, 1], repeat=rows * cols):
        mask = np.reshape(bits, (rows, cols))
        chance = density ** mask.sum() * (1 - density) ** (mask.size - mask.sum())
        gap = (~mask.any(axis=1)).sum() - (~mask.any(axis=0)).sum()
        first, second = first + chance * gap, second + chance * gap**2
    assert _variance(rows, cols, density) == pytest.approx(second - first**2, rel=1e-10)
