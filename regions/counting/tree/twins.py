"""Hidden units that are multiples of an earlier unit of their layer, whatever the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.exact.scaled import Scaled, primitive
from regions.networks.steps import Linear

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork

_ALIKE = 1e-9  # of candidates only: each is checked exactly


def twins_of(net: ReLUNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Return (twins, signs): an earlier unit of the same hyperplane or -1, and the factor's sign.

    Units of convolutions, and those that are zero whatever comes in, are left alone.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0], [2.0], [-3.0]], [0.5, 1.0, -1.5]), ([[1, 1, 1]], None)])
    >>> twins_of(net)
    (array([-1,  0,  0]), array([ 1,  1, -1], dtype=int8))
    """
    sizes = [layer.size for layer in net.relu_layers]
    twins, signs = np.full(sum(sizes), -1), np.ones(sum(sizes), np.int8)
    first = 0
    for relu, size in zip(net.graph.relus, sizes, strict=True):
        step = net.graph.by_name[relu.inputs[0]]
        if isinstance(step, Linear) and step.shape == (size,):
            weight = net.parameters[f"{step.weight}.weight"]
            offset = step.offset(net.parameters)
            rows = np.column_stack([weight, np.zeros(size) if offset is None else offset])
            for unit, other, factor in _pairs(rows):
                twins[first + unit], signs[first + unit] = first + other, factor
        first += size
    return twins, signs


def _pairs(rows: np.ndarray):
    """Yield (unit, earlier unit, sign) for rows that are multiples of an earlier one, exactly."""
    largest = np.abs(rows).argmax(axis=1)
    pivots = rows[np.arange(len(rows)), largest]
    live = np.flatnonzero(pivots)
    with np.errstate(under="ignore"):
        alike = rows[live] / pivots[live, None]
    seen: dict[tuple[int, ...], tuple[int, int]] = {}
    keys = np.abs(alike) @ np.cos(np.arange(rows.shape[1]) + 1.0)
    order = np.argsort(keys, kind="stable")
    near = np.diff(keys[order]) <= _ALIKE * rows.shape[1]
    candidates = np.zeros(len(live), bool)
    candidates[order[1:]] |= near
    candidates[order[:-1]] |= near
    for unit in live[candidates]:
        form = primitive(Scaled.of(rows[unit]).ints)
        sign = 1 if next(x for x in form if x) > 0 else -1
        other, before = seen.setdefault(tuple(sign * x for x in form), (int(unit), sign))
        if other != unit:
            yield int(unit), other, sign * before
