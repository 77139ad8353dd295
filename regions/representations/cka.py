"""Centred kernel alignment (Kornblith et al. 2019): directions weighted by their variance."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.distance import pdist, squareform

from regions.arguments import check_flag, check_number
from regions.errors import ArgumentError
from regions.representations.measure import (
    DegenerateLayerWarning,
    Measure,
    judge,
    result_of,
    undefined,
)
from regions.representations.pair import Pair, pair_of
from regions.representations.rows import batch_rows, check_paired, exponent_of, real_rows, scaled
from regions.representations.similarity import Similarity, SimilarityStatus

_ROUNDING = 1e-11  # of a layer's own squared products: what is left where one sample holds all


def cka(X: Any, Y: Any, debiased: bool = False) -> Similarity:
    """Return the linear CKA of two representations.

    Biased: |X^T Y|_F^2 / (|X^T X|_F |Y^T Y|_F) of the centred activations; high for unrelated
    layers with many neurons and few samples (see `null`). Debiased: the ratio of U-statistics
    of HSIC, 0 in expectation for independent layers; it can be negative.

    Parameters
    ----------
    X, Y
        (samples, neurons) arrays or tensors over the same samples; neurons may exceed samples.
    debiased
        Whether to use the U-statistic, which needs at least 4 samples.

    Notes
    -----
    Kornblith et al. 2019 (arXiv 1905.00414); HSIC U-statistic: Song et al. 2007; for networks:
    Nguyen et al. 2021 (arXiv 2010.15327). Not invariant to a factor per channel, so that a
    refitted batch norm changes it. A handful of samples far out can decide it:
    ``details["largest_share"]`` is the largest share of one sample in a side's variance.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.standard_normal((50, 40)), rng.standard_normal((50, 40))
    >>> round(cka(X, Y).value, 2), round(cka(X, Y, debiased=True).value, 2)
    (0.41, -0.04)
    """
    return judge(CKA(debiased), pair_of(X, Y))


def minibatch_cka(batches: Iterable[tuple[Any, Any]]) -> float:
    """Return CKA from batches: each of the three debiased HSIC terms averaged, one ratio.

    A batch counts by its number of samples, so that a short last batch does no harm.

    Parameters
    ----------
    batches
        Pairs of (samples, neurons) arrays, each of at least 4 samples.

    Notes
    -----
    Nguyen et al. 2021 (arXiv 2010.15327).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((256, 6))
    >>> Y = X + rng.standard_normal((256, 6))
    >>> pairs = [(X[i : i + 64], Y[i : i + 64]) for i in range(0, 256, 64)]
    >>> round(minibatch_cka(pairs), 3), round(cka(X, Y, debiased=True).value, 3)
    (0.491, 0.481)
    """
    terms, exponents = [], []
    for X, Y in _pairs(batches):
        rows = batch_rows(X, "X"), batch_rows(Y, "Y")
        by_x, by_y = map(exponent_of, rows)
        x = scaled(rows[0], by_x) if by_x else X
        y = scaled(rows[1], by_y) if by_y else Y
        pair = pair_of(x, y)
        terms.append(_hsic_terms(pair) / (pair.n - 3))
        exponents.append((2 * (by_x + by_y), 4 * by_x, 4 * by_y))
    if not terms:
        raise ArgumentError("batches is empty; expected pairs of (samples, neurons) arrays")
    sums, powers = _summed(np.array(terms), np.array(exponents))
    if min(sums[1:]) <= 0:
        return _undefined("minibatch_cka", "a side does not vary within batches beyond one sample")
    ratio = sums[0] / np.sqrt(sums[1]) / np.sqrt(sums[2])
    return float(ratio * 2.0 ** (powers[0] - (powers[1] + powers[2]) / 2))


def _pairs(batches: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of batches, or say what is none."""
    if not isinstance(batches, Iterable):
        raise ArgumentError(
            f"batches is a {type(batches).__name__}; expected pairs of (samples, neurons) arrays"
        )
    for number, pair in enumerate(batches):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ArgumentError(
                f"batch {number} is a {type(pair).__name__}; expected a pair (X, Y) of arrays"
            )
        yield pair[0], pair[1]


def _summed(terms: np.ndarray, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums over batches of terms * 2**exponents, as numbers and powers of two.

    Batches of extreme size were each divided by a power of two of their own.
    """
    fractions, own = np.frexp(terms)
    own = np.where(fractions != 0, own + exponents, np.iinfo(int).min // 2)
    powers = own.max(axis=0)
    powers[~fractions.any(axis=0)] = 0
    small = np.maximum(own - powers, -2000)  # where nothing is left
    return np.ldexp(fractions, small).sum(axis=0), powers


def rbf_cka(X: Any, Y: Any, bandwidth: float = 0.5) -> float:
    """Return the biased CKA of Gaussian kernels exp(-D / (2 t^2 median(D))).

    D are squared distances between samples and t is `bandwidth`; it tends to linear CKA as t
    grows. Needs memory for n x n kernels.

    Notes
    -----
    Kornblith et al. 2019 (arXiv 1905.00414).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((40, 3))
    >>> round(rbf_cka(X, 2 * X), 6)
    1.0
    """
    check_number(bandwidth, "bandwidth", above=0)
    rows_x, rows_y = real_rows(X, "X"), real_rows(Y, "Y")
    check_paired(len(rows_x), len(rows_y))
    kernel_x, kernel_y = _gaussian_kernel(rows_x, bandwidth), _gaussian_kernel(rows_y, bandwidth)
    norms = np.linalg.norm(kernel_x) * np.linalg.norm(kernel_y)
    if norms == 0:
        return _undefined("rbf_cka", "most samples of a side are the same, so that the median is 0")
    return float(np.vdot(kernel_x, kernel_y) / norms)


def _undefined(name: str, why: str) -> float:
    """Return NaN, and warn the caller of the public function why."""
    warnings.warn(f"{name} is NaN: {why}", DegenerateLayerWarning, stacklevel=3)
    return float("nan")


def _gaussian_kernel(rows: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return the doubly centred kernel; all zeros where the samples do not differ."""
    distances = squareform(pdist(rows, "sqeuclidean"))
    median = np.median(distances)
    if median == 0:
        return np.zeros_like(distances)
    with np.errstate(over="ignore"):
        scaled_distances = distances / median / bandwidth / bandwidth / 2
    kernel = np.expm1(-scaled_distances)  # exp but for a constant, which centring takes out
    kernel = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    return kernel / (np.abs(kernel).max() or 1.0)


@dataclass(frozen=True)
class CKA(Measure):
    """Linear CKA, as a measure of a pair of layers: "cka", or "cka_debiased".

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> round(CKA(debiased=True)(pair_of(X, 2 * X)).value, 6)
    1.0
    """

    exact_null: ClassVar[bool] = True

    debiased: bool = False
    """Whether to use the U-statistic, which needs at least 4 samples."""

    def __post_init__(self) -> None:
        check_flag(self.debiased, "debiased")

    @property
    def name(self) -> str:
        return "cka_debiased" if self.debiased else "cka"

    @property
    def needs_lengths(self) -> bool:
        return self.debiased

    def similarity(self, pair: Pair) -> Similarity:
        if self.debiased:
            product, own_x, own_y = _hsic_terms(pair)
            if min(own_x, own_y) <= 0:
                return undefined(pair, self.name, SimilarityStatus.UNDEFINED)
            value = float(np.clip(product / np.sqrt(own_x) / np.sqrt(own_y), -1.0, 1.0))
        else:
            norms = float(np.linalg.norm(pair.x.gram)) * float(np.linalg.norm(pair.y.gram))
            value = min(1.0, float(np.linalg.norm(pair.cross)) ** 2 / norms)
        return result_of(pair, self.name, value, details={"largest_share": _largest_share(pair)})

    def independent(self, pair: Pair, found: Similarity) -> float:
        if self.debiased:
            return 0.0
        norms = float(np.linalg.norm(pair.x.gram)) * float(np.linalg.norm(pair.y.gram))
        return min(1.0, pair.x.total * pair.y.total / ((pair.n - 1) * norms))


def _hsic_terms(pair: Pair) -> np.ndarray:
    """Return n (n - 3) HSIC_1 of (X, Y), (X, X) and (Y, Y), from feature products.

    With a_i = |x_i|^2 and b_i = |y_i|^2 of the centred samples:
    |X^T Y|_F^2 - n / (n - 2) sum a_i b_i + sum a sum b / ((n - 1)(n - 2)).
    """
    n, x, y = pair.n, pair.x, pair.y
    if n < 4:
        raise ArgumentError(f"debiased CKA needs at least 4 samples in a batch; got {n}")
    if x.square_sum is None or y.square_sum is None or pair.square_sum is None:
        a, b = x.lengths, y.lengths
        squares = (a @ b, a @ a, b @ b)
    else:
        squares = (pair.square_sum, x.square_sum, y.square_sum)
    norms = (pair.cross, x.gram, y.gram)
    totals = (x.total * y.total, x.total**2, y.total**2)
    terms = np.array(
        [
            np.linalg.norm(product) ** 2 - n / (n - 2) * square + total / ((n - 1) * (n - 2))
            for product, square, total in zip(norms, squares, totals, strict=True)
        ]
    )
    own = np.array([np.linalg.norm(layer.gram) ** 2 for layer in (x, y)])
    terms[1:][np.abs(terms[1:]) <= _ROUNDING * own] = 0.0
    return terms


def _largest_share(pair: Pair) -> float | None:
    if pair.x.centred is None or pair.y.centred is None:
        return None
    return float(max(layer.lengths.max() / layer.total for layer in (pair.x, pair.y)))
