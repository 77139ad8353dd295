"""Training after screening: one gradient step of the first layer, then ridge regression."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.arguments import as_numbers, check_number, check_whole
from regions.errors import ArgumentError
from regions.randomness import Rng
from regions.theory.points import read_generator, read_points
from regions.theory.screening import read_samples

_MOST = 10**6  # pairs of units


@dataclass(frozen=True, kw_only=True)
class TwoLayer:
    """f(x) = intercept + sum_u outer[u] relu(<inner[u], x restricted to kept> + bias[u]).

    Examples
    --------
    >>> net = TwoLayer(
    ...     kept=np.array([1]), inner=np.array([[2.0]]), bias=np.zeros(1), outer=np.ones(1),
    ...     intercept=0.5,
    ... )
    >>> net.predict([[9.0, 1.0], [9.0, -1.0]]).tolist()
    [2.5, 0.5]
    """

    kept: np.ndarray
    inner: np.ndarray
    bias: np.ndarray
    outer: np.ndarray
    intercept: float

    def predict(self, x: Any) -> np.ndarray:
        """Return f at points of shape (n, d)."""
        x, _ = read_points("x", x)
        if x.ndim != 2 or x.shape[1] <= self.kept.max():
            raise ArgumentError(
                f"x has shape {x.shape}; expected (n, d) with d above input {self.kept.max()}"
            )
        return self.intercept + _features(x[:, self.kept], self.inner, self.bias) @ self.outer

    def r_squared(self, x: Any, y: Any) -> float:
        """Return 1 - squared error / variance of `y` on samples (n, d) and (n,)."""
        x, y = read_samples(x, y)
        return float(1 - np.mean((y - self.predict(x)) ** 2) / np.var(y))


def fit_two_layer(
    x: Any,
    y: Any,
    kept: Collection[int] | None = None,
    *,
    pairs: int = 128,
    step: float | None = None,
    rng: Rng = None,
) -> TwoLayer:
    """Return a two-layer ReLU network trained on some of the inputs.

    First layer: `pairs` mirrored pairs of units (equal weights on the unit sphere of the kept
    inputs, equal biases, outer weights +-1, so that the output is 0) make one gradient step on the
    squared loss with weight decay 1/step, which *replaces* the weights by -step times the gradient.
    Then biases are drawn anew and the second layer is fitted by ridge regression, its strength
    chosen by generalised cross-validation.

    Parameters
    ----------
    x, y : arrays of shape (n, d) and (n,)
    kept : collection of int, optional
        Inputs to train on, for instance `Screening.kept`; default all.
    pairs : int
        Half the number of hidden units.
    step : float, optional
        eta_1 > 0; by default such that the new weight vectors have mean square norm 1, which is
        the order that the published eta_1 = O~(M^((k* - 1) / 2)) gives, without knowing k*.

    Examples
    --------
    >>> from regions.theory import SingleIndex
    >>> model = SingleIndex.sparse(inputs=40, size=4, rng=0)
    >>> fitted = fit_two_layer(*model.sample(1000, rng=1), model.support, rng=2)
    >>> fitted.r_squared(*model.sample(1000, rng=3)) > 0.9
    True
    """
    from sklearn.linear_model import RidgeCV

    x, y = read_samples(x, y)
    chosen = _check(x.shape[1], kept, pairs, step)
    generator = read_generator(rng)
    part = x[:, chosen]
    inner = _first_step(part, y, pairs, step, generator)
    bias = generator.standard_normal(2 * pairs)
    ridge = RidgeCV(alphas=np.logspace(-3, 4, 8)).fit(_features(part, inner, bias), y)
    return TwoLayer(
        kept=chosen,
        inner=inner,
        bias=bias,
        outer=np.asarray(ridge.coef_),
        intercept=float(ridge.intercept_),
    )


def _first_step(
    x: np.ndarray, y: np.ndarray, pairs: int, step: float | None, generator: np.random.Generator
) -> np.ndarray:
    """Return the first layer after its step, (2 pairs, inputs): units, then their mirrors."""
    weights = generator.standard_normal((pairs, x.shape[1]))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    active = x @ weights.T + generator.standard_normal(pairs) > 0
    descent = (active * y[:, None]).T @ x / len(x)  # minus the gradient, outer weight +1
    if step is None:
        step = 1 / np.sqrt((descent**2).sum(axis=1).mean())
    return step * np.vstack([descent, -descent])


def _features(x: np.ndarray, inner: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return np.maximum(x @ inner.T + bias, 0.0)


def _check(inputs: int, kept: Collection[int] | None, pairs: int, step: float | None) -> np.ndarray:
    chosen = np.arange(inputs) if kept is None else as_numbers(_listed(kept), "kept")
    if chosen.ndim != 1 or chosen.size == 0 or chosen.dtype.kind not in "iu":
        raise ArgumentError(f"kept must list at least one input by its number, got {kept!r}")
    if chosen.min() < 0 or chosen.max() >= inputs or len(np.unique(chosen)) < len(chosen):
        raise ArgumentError(
            f"kept must be distinct numbers below the {inputs} inputs, got {kept!r}"
        )
    check_whole(pairs, "pairs", most=_MOST)
    if step is not None:
        check_number(step, "step", above=0)
    return chosen


def _listed(values: Any) -> Any:
    """Return a collection that NumPy takes for one number, such as a set, as a list."""
    return sorted(values) if isinstance(values, (set, frozenset)) else values
