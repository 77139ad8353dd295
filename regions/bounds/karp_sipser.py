"""The mean rank of a random sparse matrix, in closed form."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

# finer near 0, where the maximum of dense matrices lies
_GRID = np.linspace(0.0, 1.0, 2049) ** 2


def mean_rank(rows: int, cols: int, density: float) -> float:
    """Return the approximate mean rank of a matrix whose entries are kept with `density`.

    By Koenig's theorem, rows - rank is the largest excess of a set of rows over the columns that
    it meets. Karp and Sipser's leaf removal finds it; on a random support its mean is rows times
    the largest value over 0 <= x <= 1 of

        F(x) = (1 - p q^{R-1})^C - (C/R) (1 - q^R - R p x q^{R-1}),  q = 1 - p x:

    rows whose columns are all claimed elsewhere, less columns claimed twice. Above an average of
    e entries per row of a square matrix, F has two maxima; the excess is then the larger of two
    random numbers, whose mean is Clark's (Operations Research 9, 1961) with the variance of
    (empty rows - empty columns), faded in with the distance between the maxima.

    Derived for this package and checked against sampling: within .5 % at 100 x 100 and above,
    except 1 % just below e entries per row of square matrices of about 100 rows; there it is not
    monotone in the density either (it dips by less than half a rank). The limit for
    square matrices is that of Bordenave, Lelarge and Salez (Ann. Probab. 39,
    2011, arXiv:0907.4244).

    >>> round(mean_rank(100, 100, 0.01), 2), round(mean_rank(100, 784, 0.001), 2)
    (54.59, 53.53)
    """
    cols, rows = sorted((rows, cols))  # the rank of the transpose; one row would make F constant
    excess = _excess(_GRID, rows, cols, density).round(13)
    padded = np.concatenate([[-np.inf], excess, [-np.inf]])
    peaks = np.flatnonzero((excess >= padded[:-2]) & (excess > padded[2:]))
    first, last = peaks[0], peaks[-1]
    one, other = rows * float(excess[first]), rows * float(excess[last])
    gap = float(_GRID[last] - _GRID[first])
    spread = math.sqrt(gap * (2.0 - gap) * _variance(rows, cols, density))
    return float(np.clip(rows - _mean_of_larger(one, other, spread), 0, min(rows, cols)))


def _excess(x: np.ndarray, rows: int, cols: int, density: float) -> np.ndarray:
    claim = density * x
    alone = np.exp((rows - 1) * np.log1p(-claim))
    none = alone * (1.0 - claim)
    kept = np.exp(cols * np.log1p(-density * alone))
    return kept - cols / rows * (1.0 - none - rows * claim * alone)


def _variance(rows: int, cols: int, density: float) -> float:
    """Return the variance of (empty rows - empty columns): both are correlated binomials."""
    row, col, cell = (math.exp(n * math.log1p(-density)) for n in (cols, rows, -1))
    covariance = rows * cols * row * col * (cell - 1.0)
    return max(0.0, rows * row * (1.0 - row) + cols * col * (1.0 - col) - 2.0 * covariance)


def _mean_of_larger(one: float, other: float, spread: float) -> float:
    """Return E max of two normal variables, `spread` the deviation of their difference."""
    if spread < 1e-9:
        return max(one, other)
    z = (one - other) / spread
    density = math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)
    return one * ndtr(z) + other * ndtr(-z) + spread * density
