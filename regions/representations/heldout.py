"""Held-out CCA: directions fitted on some images, correlated on others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from regions.arguments import check_unmasked, is_whole
from regions.errors import ArgumentError
from regions.representations.correlations import check_statistic, summarise
from regions.representations.extent import Extent
from regions.representations.layer import layer_of
from regions.representations.measure import result_of, undefined
from regions.representations.pair import pair_layers
from regions.representations.rows import check_paired, real_rows
from regions.representations.similarity import Similarity, SimilarityStatus

_SQUARES = 100  # held-out coefficients of all shuffles together, for the mean of their squares
_FEWEST = 5
_FEWEST_ROWS = 10  # in a fold

Side = tuple[np.ndarray, Extent]  # a layer's rows, and the precision they were computed in


def held_out_cca(
    X: Any, Y: Any, *, folds: int = 2, groups: Any = None, statistic: str = "mean"
) -> Similarity:
    """Return CCA whose correlations are measured on samples that did not fit the directions.

    Rows are split into `folds` runs of neighbouring rows (of neighbouring groups); each run is
    held out once, and coefficient i is the mean of the correlations of direction pair i over
    the runs. Independent layers give about 0 at any sample size; coefficients can be negative.

    Parameters
    ----------
    X, Y
        (samples, neurons) arrays or tensors over the same samples, in random order.
    folds
        Number of runs, at least 2; each must hold out at least 10 rows. A correlation of so few
        is still drawn towards 0: in simulations by .02 at 10 rows, .06 at 5, .2 at 2.
    groups
        The image of each row, (samples,); rows of one image are never split.
    statistic
        As in `cca`; "mean_squared" and "yanai" square the held-out correlations, so that
        independent layers score more than 0: `null` is then a mean over seeded shuffles, of whole
        images where `groups` are given.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.standard_normal((600, 30)), rng.standard_normal((600, 30))
    >>> abs(held_out_cca(X, Y).value) < 0.05
    True
    """
    check_statistic(statistic)
    x, y = _side(X, "X"), _side(Y, "Y")
    n = len(x[0])
    check_paired(n, len(y[0]))
    whole = pair_layers(layer_of(X, "X"), layer_of(Y, "Y"))
    if whole.degenerate:
        return undefined(whole, "cca_held_out", SimilarityStatus.DEGENERATE)
    held = _folds(n, folds, groups)
    rho = _coefficients(x, y, held)
    k, null = len(rho), 0.0
    if statistic != "mean":
        orders = _orders(groups, n, max(_FEWEST, _SQUARES // k))
        shuffled = [_coefficients(x, (y[0][order], y[1]), held) for order in orders]
        null = float(np.mean([summarise(one, (len(one), len(one)), statistic) for one in shuffled]))
    return result_of(
        whole,
        "cca_held_out",
        summarise(rho, (k, k), statistic),
        value_all=summarise(rho, (whole.x.neurons, whole.y.neurons), statistic),
        null=null,
        coefficients=rho,
        rank_x=whole.x.whitened.rank,
        rank_y=whole.y.whitened.rank,
    )


def _side(values: Any, name: str) -> Side:
    rows = real_rows(values, name)
    return rows, Extent.of(rows, values)


def _folds(n: int, folds: int, groups: Any) -> list[np.ndarray]:
    """Return a boolean array of held-out rows per fold."""
    order, index = _labels(n, groups)
    if not (is_whole(folds) and 2 <= folds <= len(order)):
        raise ArgumentError(
            f"folds (cv of cca) is {folds!r}; expected 2 to {len(order)} folds (groups of rows)"
        )
    fold = index * int(folds) // len(order)
    held = [fold == number for number in range(folds)]
    fewest = min(int(rows.sum()) for rows in held)
    if fewest < _FEWEST_ROWS:
        raise ArgumentError(
            f"folds (cv of cca) is {folds}, so that a fold holds out {fewest} of {n} rows; "
            f"expected at least {_FEWEST_ROWS}, because correlations of fewer are drawn towards 0 "
            "(two rows always give 1 or -1, one row none). Use fewer folds or more samples"
        )
    return held


def _labels(n: int, groups: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the groups in order, and which of them each row is in."""
    if groups is None:
        return np.arange(n), np.arange(n)
    check_unmasked(groups, "groups")
    try:
        labels = np.asarray(groups)
        order, index = np.unique(labels, return_inverse=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"groups is a {type(groups).__name__} that holds no labels of one kind: {error}"
        ) from error
    if labels.shape != (n,) or (order != order).any():
        raise ArgumentError(
            f"groups has shape {labels.shape}; expected ({n},), one label per row and no NaN"
        )
    return order, index


def _coefficients(x: Side, y: Side, folds: list[np.ndarray]) -> np.ndarray:
    """Return the mean over the folds of each direction pair's held-out correlation."""
    found = [_correlate(x, y, held) for held in folds]
    k = min(map(len, found))
    return np.mean([run[:k] for run in found], axis=0)


def _orders(groups: Any, n: int, count: int) -> Iterator[np.ndarray]:
    """Yield rows of the second layer in an order that gives every group those of another.

    A group that is given a smaller one repeats its rows, and leaves some of a larger one out: rows
    of one image are alike, so that single rows in any order would score too little.
    """
    generator = np.random.default_rng(0)
    _, index = _labels(n, groups)
    rows, sizes = np.argsort(index, kind="stable"), np.bincount(index)
    starts = np.cumsum(sizes) - sizes
    within = np.arange(n) - starts[index[rows]]
    for _ in range(count):
        given = generator.permutation(len(sizes))[index[rows]]
        order = np.empty(n, dtype=int)
        order[rows] = rows[starts[given] + within % sizes[given]]
        yield order


def _correlate(x: Side, y: Side, held: np.ndarray) -> np.ndarray:
    """Return the correlations on the held rows of directions fitted on the others."""
    (rows_x, extent_x), (rows_y, extent_y) = x, y
    pair = pair_layers(
        layer_of(rows_x[~held], "X", extent_x), layer_of(rows_y[~held], "Y", extent_y)
    )
    if pair.degenerate or pair.x.crowded or pair.y.crowded:
        raise ArgumentError(
            f"a fold of {int((~held).sum())} rows is too small or degenerate for layers of "
            f"{pair.x.neurons} and {pair.y.neurons} neurons; use fewer folds or more samples"
        )
    left, _, right = np.linalg.svd(pair.canonical, full_matrices=False)
    seen_x = rows_x[held][:, pair.x.live] @ (pair.x.whitened.whitener @ left)
    seen_y = rows_y[held][:, pair.y.live] @ (pair.y.whitened.whitener @ right.conj().T)
    seen_x -= seen_x.mean(axis=0)
    seen_y -= seen_y.mean(axis=0)
    spread = np.linalg.norm(seen_x, axis=0) * np.linalg.norm(seen_y, axis=0)
    products = np.einsum("ij,ij->j", seen_x, seen_y)
    return np.divide(products, spread, out=np.zeros_like(spread), where=spread > 0)
