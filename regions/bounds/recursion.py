"""Serra, Tjandraatmadja and Ramalingam's recursion over image dimensions, in linear time per layer.

With R_{L+1} = 1, a layer whose input has an image of dimension d contributes

    R_l(d) = sum_{j=0}^{min(m, r, d)} C(m, j) R_{l+1}(min(m - j + s, d, q)),

m units that may split, r the rank that limits their arrangement, s coordinates carried past the
layer (residual connections, stably active units), q the rank that limits the image. The target is
the same min(d, q) for all small j and runs through m + s - j for the large ones, so a prefix sum
and one window that only grows with d replace the double loop. Sums only add positive terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from regions.bounds.cells import binomials, log_binomials, log_partial_sums, partial_sums


class Step(NamedTuple):
    """What the recursion needs to know about one ReLU layer.

    An inactive unit with a slope (LeakyReLU) still passes its input on, so a layer that `keeps`
    dimensions has the image dimension min(d, q) whatever the number j of inactive units.
    """

    units: int
    rank: int
    image: int
    carried: int = 0
    keeps: bool = False

    @property
    def reach(self) -> int:
        """The largest possible dimension of the state after the layer."""
        return min(self.image, self.units + self.carried)


def input_dims(steps: Sequence[Step], dim: int) -> list[int]:
    """Return the largest image dimension before every layer, and after the last one."""
    return list(accumulate((step.reach for step in steps), min, initial=dim))


def log_count(steps: Sequence[Step], dim: int) -> float:
    """Return the natural logarithm of the bound."""
    dims = input_dims(steps, dim)
    after = np.zeros(dims[-1] + 1)
    for step, top in zip(reversed(steps), reversed(dims[:-1]), strict=True):
        after = log_layer(step, top, after)
    return float(after[dim])


def log_layer(step: Step, top: int, after: np.ndarray) -> np.ndarray:
    """Return log R_l(d) for d = 0..top from after[d] = log R_{l+1}(d)."""
    dims = np.arange(top + 1)
    split = np.minimum(dims, min(step.units, step.rank))
    target = np.minimum(dims, step.reach)
    sums = log_partial_sums(step.units, top)
    if step.keeps:
        return sums[split] + after[target]
    low = step.units + step.carried - target + 1
    value = sums[np.minimum(split, low - 1)] + after[target]
    grown = np.flatnonzero(low <= split)
    if grown.size:
        low, split = low[grown], split[grown]
        value[grown] = np.logaddexp(value[grown], _log_windows(step, low, split, after))
    return value


def _log_windows(step: Step, low: np.ndarray, high: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return log sum_{j=low}^{high} C(m, j) R(m + s - j) for nested, growing windows."""
    start, pivot, stop = low[-1], high[0], high[-1]
    j = np.arange(start, stop + 1)
    terms = log_binomials(step.units, stop)[j] + after[step.units + step.carried - j]
    left = np.logaddexp.accumulate(terms[pivot - start :: -1])
    right = np.logaddexp.accumulate(np.concatenate([[-np.inf], terms[pivot - start + 1 :]]))
    return np.logaddexp(left[pivot - low], right[high - pivot])


def exact_count(steps: Sequence[Step], dim: int) -> int:
    """Return the bound as an exact integer."""
    dims = input_dims(steps, dim)
    after = [1] * (dims[-1] + 1)
    for step, top in zip(reversed(steps), reversed(dims[:-1]), strict=True):
        after = _exact_layer(step, top, after)
    return after[dim]


def _exact_layer(step: Step, top: int, after: list[int]) -> list[int]:
    size = step.units + step.carried
    sums = partial_sums(step.units, top)
    # windows[j] = sum of C(m, i) R(m + s - i) over first <= i < j: exact, so differences are safe
    first = max(0, size - len(after) + 1)
    row = binomials(step.units, top)[first:]
    terms = (c * after[size - first - i] for i, c in enumerate(row))
    windows = [0, *accumulate(terms)]
    value = []
    for d in range(top + 1):
        split, target = min(d, step.units, step.rank), min(d, step.reach)
        flat = split if step.keeps else min(split, size - target)
        count = sums[flat] * after[target]
        if flat < split:
            count += windows[split + 1 - first] - windows[flat + 1 - first]
        value.append(count)
    return value
