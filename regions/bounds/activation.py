"""Serra and Ramalingam's idea: few active units leave few units unstable in the next layer."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from regions.bounds.cells import binomials, log_binomials
from regions.bounds.supports import Matrix, Support, Supports, touched


class Coverage(NamedTuple):
    """One layer, given that k coordinates of its input vary on a region.

    `unstable[k]` bounds the units that can take both signs there, `varying[k]` the coordinates
    after the layer that still vary if every unit is active; both end where they stop growing.
    `rank` limits the arrangement of the unstable units, `image` the whole state.
    """

    unstable: np.ndarray
    varying: np.ndarray
    rank: int
    image: int
    keeps: bool


def activation_count(supports: Supports, dim: int, exact: bool = True) -> int | float:
    """Return the activation bound: an integer, or its natural logarithm if not `exact`.

    R_l(k, d) = sum_{j <= min(U(k), d, r)} C(U(k), j) R_{l+1}(k', min(d, k', q)), k' = A(k) - j:
    on a region where k units of layer l - 1 vary, only units with a weight from one of them can
    change sign (U) or vary at all (A). Exact U and A are maximum-coverage problems; here they are
    relaxed to the sum of the k largest column degrees. Where biases and signs are known, units fed
    by non-negative values whose weights and bias agree in sign count as stable.

    The idea is Serra and Ramalingam's (AAAI 2020, arXiv:1810.03370); this form of the recursion
    and its relaxation are derived for this package. It bounds activation regions and is never
    above the `live` bound.
    """
    numbers = _EXACT if exact else _LOGARITHMS
    states = {(supports.input_size, dim): numbers.one}
    for layer in coverages(supports):
        states = _push(states, layer, numbers)
    total = numbers.total(np.array(list(states.values()), dtype=numbers.dtype))
    return total if exact else float(total)


class _Numbers(NamedTuple):
    """Sums and products of counts, as integers or as logarithms."""

    zero: Any
    one: Any
    dtype: type
    add: Callable
    multiply: Callable
    total: Callable
    binomials: Callable


_EXACT = _Numbers(0, 1, object, operator.add, operator.mul, np.sum, binomials)
_LOGARITHMS = _Numbers(
    -np.inf, 0.0, float, np.logaddexp, np.add, np.logaddexp.reduce, log_binomials
)


def _push(states: dict, layer: Coverage, numbers: _Numbers) -> dict:
    """Push the weights of all states (k, d) through a layer."""
    states = _merged(states, layer.varying.size - 1, numbers)
    top = int(layer.varying[-1])
    width = min(max(d for _, d in states), layer.image, top) + 1
    after = np.full((top + 1, width), numbers.zero, dtype=numbers.dtype)
    for (k, d), weight in states.items():
        units = int(layer.unstable[k])
        inactive = np.arange(min(units, d, layer.rank) + 1)
        row = numbers.binomials(units, inactive.size - 1)
        terms = numbers.multiply(np.array(row, dtype=numbers.dtype), weight)
        varying = layer.varying[k] - inactive
        if layer.keeps:
            terms, varying = numbers.total(terms), layer.varying[k]
        place = varying, np.minimum(varying, min(d, layer.image))
        after[place] = numbers.add(after[place], terms)
    return {(int(k), int(d)): after[k, d] for k, d in np.argwhere(after != numbers.zero)}


def _merged(states: dict, last: int, numbers: _Numbers) -> dict:
    """Add up all states with k beyond `last`, which behave alike."""
    merged: dict[tuple[int, int], Any] = {}
    for (k, d), weight in states.items():
        key = (min(k, last), d)
        merged[key] = numbers.add(merged.get(key, numbers.zero), weight)
    return merged


def coverages(supports: Supports) -> Iterator[Coverage]:
    """Yield what each layer can do, given how many coordinates of its input vary."""
    varying = np.ones(supports.input_size, dtype=bool)
    positive = np.zeros(supports.input_size, dtype=bool)
    for layer in supports.layers:
        reached = touched(layer.matrix, varying)
        active, inactive = _stable_units(layer, positive)
        unstable = reached & ~active & ~inactive
        unstable[layer.units :] = False
        after = reached & ~inactive if layer.slope == 0.0 else reached
        yield _coverage(layer, varying, unstable, after)
        varying = after
        positive = np.arange(after.size) < (layer.units if layer.slope == 0.0 else 0)


def _coverage(
    layer: Support, varying: np.ndarray, unstable: np.ndarray, after: np.ndarray
) -> Coverage:
    kept = layer.matrix[after][:, varying]
    splitting = kept[unstable[after]]
    covers = _largest_cover(splitting), _largest_cover(kept)
    length = max(cover.size for cover in covers)
    few, many = (np.pad(cover, (0, length - cover.size), mode="edge") for cover in covers)
    ranks = layer.unit_rank(splitting), layer.image_rank(kept)
    return Coverage(few, many, *ranks, layer.slope != 0.0)


def _largest_cover(matrix: Matrix) -> np.ndarray:
    """Return an upper bound on the rows met by k columns, for k = 0, 1, ... until it is flat."""
    degrees = np.sort(np.bincount(matrix.indices, minlength=matrix.shape[1]))[::-1]
    cover = np.minimum(np.concatenate([[0], np.cumsum(degrees)]), matrix.shape[0])
    return cover[: int(np.argmax(cover == cover[-1])) + 1]


def _stable_units(layer: Support, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which units no non-negative input can switch off, or on."""
    rows = layer.matrix.shape[0]
    units = np.arange(rows) < layer.units
    if layer.bias is None:
        return np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    row = np.repeat(np.arange(rows), np.diff(layer.matrix.indptr))
    unsigned = ~positive[layer.matrix.indices]
    falls = np.bincount(row, (layer.matrix.data < 0) | unsigned, minlength=rows) > 0
    rises = np.bincount(row, (layer.matrix.data > 0) | unsigned, minlength=rows) > 0
    return units & ~falls & (layer.bias >= 0), units & ~rises & (layer.bias <= 0)
