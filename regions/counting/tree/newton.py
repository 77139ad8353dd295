"""Places a vertex as sharply as float64 allows, from the forms of the facets it lies on.

Errors grow with every edge on which a vertex is found; how far it can be off in the end depends
on its own facets alone. With X close to the inverse of their slopes M, a vertex of which forms
read r is off by at most |X| |r| / (1 - g) where |1 - X M| <= g, all with their bounds [1]_.

.. [1] S. M. Rump, Verification methods, Acta Numerica 19 (2010), section 10,
   doi:10.1017/S096249291000005X.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.counting.tree.bits import lowest
from regions.counting.tree.inverse import departure, invert
from regions.kernels import kernel

NO_GRID = 1000.0
_TINY = 1e-300


def gamma_of(d: int) -> float:
    """Return the relative error of a sum of d + 1 products, in any order, and a little more."""
    return 1.01 * (d + 4) * UNIT


class Workspace(NamedTuple):
    """Arrays that `sharpen` works in."""

    rows: np.ndarray
    table: np.ndarray
    matrix: np.ndarray
    inverse: np.ndarray
    order: np.ndarray
    residuals: np.ndarray
    bounds: np.ndarray
    moved: np.ndarray


@kernel(makes_arrays=True)
def workspace(d):
    """Return room for vertices in d dimensions."""
    most = d + 8
    return Workspace(
        np.empty((most, d + 6)),
        np.empty((most, d + 1)),
        np.empty((d, d)),
        np.empty((d, d)),
        np.empty(most, dtype=np.int64),
        np.empty(d),
        np.empty(d),
        np.empty(d + 1),
    )


@kernel()
def _rows_on(mask, labels, planes, forms, rows):
    """Copy the forms of the facets in a mask; return their number, at most that of `rows`."""
    count, base, n = 0, planes.shape[0], forms.shape[1]
    for word in range(mask.size):
        bits = mask[word]
        while bits and count < rows.shape[0]:
            label = np.int64(labels[64 * word + lowest(bits)])
            for j in range(rows.shape[1]):
                if label < base:
                    rows[count, j] = planes[label, j]
                else:
                    rows[count, j] = forms[(label - base) // n, (label - base) % n, j]
            count += 1
            bits &= bits - np.uint64(1)
    return count


@kernel()
def _chosen(rows, count, d, free, table, order):
    """Choose d rows whose slopes in the coordinates other than `free` are independent."""
    for i in range(count):
        order[i] = i
    if count == d:
        return True
    for i in range(count):
        for j in range(d + 1):
            table[i, j] = rows[i, j]
    step = 0
    for j in range(d + 1):
        if j == free:
            continue
        best = step
        for i in range(step, count):
            if abs(table[i, j]) > abs(table[best, j]):
                best = i
        if not abs(table[best, j]) > 0.0:
            return False
        for k in range(d + 1):
            table[step, k], table[best, k] = table[best, k], table[step, k]
        order[step], order[best] = order[best], order[step]
        for i in range(step + 1, count):
            factor = table[i, j] / table[step, j]
            for k in range(d + 1):
                table[i, k] -= factor * table[step, k]
        step += 1
    return True


@kernel()
def _residuals(rows, order, vertex, d, residuals, bounds):
    """Fill the chosen forms' values at a vertex and their bounds, that of the vertex left out."""
    reach = 0.0
    for j in range(d):
        reach = max(reach, abs(vertex[j]))
    for i in range(d):
        row, value = order[i], 0.0
        for j in range(d + 1):
            value += rows[row, j] * vertex[j]
        residuals[i] = value
        size = reach * rows[row, d + 3] + vertex[d] * rows[row, d + 4]
        bounds[i] = size * (1 + 16 * UNIT) + _TINY


@kernel()
def _distance(work, d):
    """Return how far a vertex can be off where its forms read the residuals."""
    far = worst = 0.0
    for k in range(d):
        off, deviation = 0.0, departure(work.inverse, work.matrix, k)
        for i in range(d):
            size, row = abs(work.inverse[k, i]), work.order[i]
            deviation += size * (work.rows[row, d + 3] + work.rows[row, d + 4])
            off += size * (abs(work.residuals[i]) + work.bounds[i])
        far, worst = max(far, off), max(worst, deviation)
    if not worst < 0.5:
        return np.inf
    return far / (1.0 - worst) * (1 + (4 * d + 64) * UNIT)


@kernel()
def sharpen(vertex, mask, labels, planes, forms, d, work):
    """Move a vertex to where its facets meet and note the bound of its error, if that is better."""
    rows, order, moved = work.rows, work.order, work.moved
    count = _rows_on(mask, labels, planes, forms, rows)
    if count < d or vertex[d + 1] == 0.0:
        return
    # its scale is free: the largest coordinate stays as it is
    free = d
    for j in range(d):
        if abs(vertex[j]) > abs(vertex[free]):
            free = j
    if not _chosen(rows, count, d, free, work.table, order):
        return
    for i in range(d):
        for k in range(d):
            slope = rows[order[i], k if k < free else k + 1]
            work.table[i, k], work.matrix[i, k] = slope, slope
    if not invert(work.table, work.inverse):
        return
    _residuals(rows, order, vertex, d, work.residuals, work.bounds)
    for k in range(d):
        step = 0.0
        for i in range(d):
            step += work.inverse[k, i] * work.residuals[i]
        at = k if k < free else k + 1
        moved[at] = vertex[at] - step
    moved[free] = vertex[free]
    _residuals(rows, order, moved, d, work.residuals, work.bounds)
    error = _distance(work, d)
    if error < vertex[d + 1]:
        for j in range(d + 1):
            vertex[j] = moved[j]
        vertex[d + 1], vertex[d + 2] = error, NO_GRID
