"""A ratio of sums over models, its jackknife, and the difference of two such ratios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# balances of a test set of N images differ by about 1 / N; squares far below that are rounding
NOTHING = 1e-20


@dataclass(frozen=True, eq=False)
class Ratio:
    """sum of numerators / sum of denominators, one ratio for each row.

    Either (rows, models): plain sums over models. Or (rows, models, models): sums over ordered
    pairs of models (zero diagonal), so that a weight per model enters twice.
    """

    numerator: np.ndarray
    denominator: np.ndarray

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(self.numerator + other.numerator, self.denominator + other.denominator)

    @property
    def models(self) -> int:
        """The number of models."""
        return self.numerator.shape[1]

    @property
    def value(self) -> np.ndarray:
        """The ratios, (rows,)."""
        return self.weighted(np.ones((1, self.models)))[0]

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return the ratios with weight[k, m] on model m: (k, rows); NaN where it divides by 0."""
        below = _total(self.denominator, weights)
        return _total(self.numerator, weights) / np.where(below != 0, below, np.nan)

    def per_model(self) -> np.ndarray:
        """Return each model's own ratio, (rows, models); NaN where its denominator is nothing."""
        return self.numerator / np.where(self.denominator > NOTHING, self.denominator, np.nan)

    def averaged(self) -> Ratio:
        """Return the mean over models of their own ratios, as a ratio of sums."""
        own = self.per_model()
        return Ratio(own, np.ones_like(own))

    def influence(self, value: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Return each model's share of (numerator - value * denominator) / total: (rows, models).

        `value` and `total` are those of the full sample, so that the shares of several
        subsamples of the images can be compared.
        """
        residual = _share(self.numerator) - value[:, None] * _share(self.denominator)
        return residual / total[:, None]

    def total(self) -> np.ndarray:
        """Return the sums of denominators: (rows,)."""
        return _total(self.denominator, np.ones((1, self.models)))[0]

    def select(self, rows: np.ndarray) -> Ratio:
        """Return some of the rows (repeated rows allowed)."""
        return Ratio(self.numerator[rows], self.denominator[rows])


def _total(terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if terms.ndim == 2:
        return weights @ terms.T
    return np.einsum("km,rmn,kn->kr", weights, terms, weights, optimize=True)


def _share(terms: np.ndarray) -> np.ndarray:
    """Return the derivative of the sum with respect to each model's weight."""
    return terms if terms.ndim == 2 else terms.sum(1) + terms.sum(2)


Reference = Ratio | np.ndarray


@dataclass(frozen=True, eq=False)
class Contrast:
    """A ratio minus a reference: a number per row, or another ratio of the same models.

    With a `matrix` (combinations, rows), linear combinations of these differences over the rows.
    """

    ratio: Ratio
    reference: Reference
    matrix: np.ndarray | None = None

    def combined(self, matrix: np.ndarray) -> Contrast:
        """Return linear combinations (combinations, rows) of the differences."""
        return Contrast(self.ratio, self.reference, matrix)

    def _mixed(self, differences: np.ndarray) -> np.ndarray:
        return differences if self.matrix is None else differences @ self.matrix.T

    @property
    def reference_value(self) -> np.ndarray:
        """The reference itself, (rows,)."""
        return self.reference.value if isinstance(self.reference, Ratio) else self.reference

    @property
    def value(self) -> np.ndarray:
        """The differences, (rows,)."""
        return self._mixed(self.ratio.value - self.reference_value)

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return the differences with weight[k, m] on model m: (k, rows)."""
        if isinstance(self.reference, Ratio):
            return self._mixed(self.ratio.weighted(weights) - self.reference.weighted(weights))
        return self._mixed(self.ratio.weighted(weights) - self.reference)

    def pseudo_values(self) -> np.ndarray:
        """Return M theta - (M - 1) theta without model m: (rows, models).

        For a mean over models these are the models' own values.
        """
        models = self.ratio.models
        left_out = self.weighted(1.0 - np.eye(models)).T
        return models * self.value[:, None] - (models - 1) * left_out

    def model_variance(self) -> np.ndarray:
        """Return the jackknife variance over models, (rows,); NaN for fewer than two models."""
        models = self.ratio.models
        if models < 2:
            return np.full(len(self.value), np.nan)
        left_out = self.weighted(1.0 - np.eye(models))
        return (models - 1) / models * ((left_out - left_out.mean(0)) ** 2).sum(0)

    def influence(self, full: Contrast) -> np.ndarray:
        """Return each model's share of this subsample's deviation from the full sample."""
        own = self.ratio.influence(full.ratio.value, full.ratio.total())
        if isinstance(self.reference, Ratio) and isinstance(full.reference, Ratio):
            whole = full.reference
            own = own - self.reference.influence(whole.value, whole.total())
        return self._mixed(own.T).T
