"""Points where hyperplanes meet inside a cell, certified in float64.

From a point inside, one step of Newton's method goes to the hyperplanes' flat, in a metric in which
the cell is about as wide as long. What is found is close to a point of the flat itself: if the
slopes have an approximate right inverse B, and 1 - A B has a norm e < 1, the slopes are linearly
independent, and a point with residuals r is within |B| |r| / (1 - e) of one without, in the
maximum norm. Where no row of the cell can vanish so close, the flat meets the cell's interior.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.counting.tree.cell import value_of
from regions.kernels import FAST, kernel

_SINGULAR = 1e-12  # a pivot's share of its row below which slopes count as dependent


class Meeting(NamedTuple):
    """Room for the hyperplanes that are to meet, `most` at the most.

    Attributes
    ----------
    names : (most,) int array
        The units whose hyperplanes they are.
    metric : (d,) array
        Squares of how far the cell goes along every coordinate, about.
    slopes, back : (most, d) arrays
        A, and the transpose of B.
    factor : (most, most) array
        Of Cholesky, for A metric A'.
    rest : (most,) array
    """

    names: np.ndarray
    metric: np.ndarray
    slopes: np.ndarray
    back: np.ndarray
    factor: np.ndarray
    rest: np.ndarray


@kernel(makes_arrays=True)
def meeting_of(most, d):
    """Return room for so many hyperplanes in dimension d."""
    return Meeting(
        np.empty(most, np.int64),
        np.empty(d),
        np.empty((most, d)),
        np.empty((most, d)),
        np.empty((most, most)),
        np.empty(most),
    )


@kernel(**FAST)
def measure(cell, m, point, meeting):
    """Fill the metric at a point inside the cell, given the rows' values there."""
    metric = meeting.metric
    for k in range(point.size):
        below, above = point[k] - cell.low[k], cell.high[k] - point[k]
        metric[k] = 1.0 / (below * below) + 1.0 / (above * above)
    for i in range(m):
        scale = 1.0 / (cell.slack[i] * cell.slack[i])
        for k in range(point.size):
            metric[k] += scale * cell.rows[i, k] * cell.rows[i, k]
    for k in range(point.size):
        metric[k] = 1.0 / metric[k]


@kernel(**FAST)
def _factored(number, meeting):
    """Factor A metric A'; return whether its slopes are independent."""
    slopes, back, factor, d = meeting.slopes, meeting.back, meeting.factor, meeting.metric.size
    for i in range(number):
        for k in range(d):
            back[i, k] = slopes[i, k] * meeting.metric[k]
        for j in range(i + 1):
            total = 0.0
            for k in range(d):
                total += back[i, k] * slopes[j, k]
            factor[i, j] = total
    for i in range(number):
        whole = factor[i, i]
        for j in range(i + 1):
            total = factor[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            if j < i:
                factor[i, j] = total / factor[j, j]
            elif total > _SINGULAR * whole:
                factor[i, i] = math.sqrt(total)
            else:
                return False
    return True


@kernel(**FAST)
def _solved(number, meeting):
    """Turn `back`, A metric, into (A metric A')^-1 A metric, the transpose of B."""
    back, factor, d = meeting.back, meeting.factor, meeting.metric.size
    for i in range(number):
        for j in range(i):
            for k in range(d):
                back[i, k] -= factor[i, j] * back[j, k]
        for k in range(d):
            back[i, k] /= factor[i, i]
    for i in range(number - 1, -1, -1):
        for j in range(i + 1, number):
            for k in range(d):
                back[i, k] -= factor[j, i] * back[j, k]
        for k in range(d):
            back[i, k] /= factor[i, i]


@kernel(**FAST)
def _step(number, forms, meeting, found):
    """Move to where the forms vanish; return the largest of their sizes before."""
    d, largest = found.size, 0.0
    for i in range(number):
        meeting.rest[i] = value_of(forms, meeting.names[i], found)
        largest = max(largest, abs(meeting.rest[i]))
    for i in range(number):
        for k in range(d):
            found[k] -= meeting.rest[i] * meeting.back[i, k]
    return largest


@kernel(**FAST)
def _apart(number, off_forms, meeting):
    """Return (norm, distance): that of B, and that of A B from one at the most."""
    d, norm, distance = meeting.metric.size, 0.0, 0.0
    for k in range(d):
        total = 0.0
        for i in range(number):
            total += abs(meeting.back[i, k])
        norm = max(norm, total)
    for i in range(number):
        size, total = 0.0, 0.0
        for k in range(d):
            size += abs(meeting.slopes[i, k])
        for j in range(number):
            product = -1.0 if i == j else 0.0
            for k in range(d):
                product += meeting.slopes[i, k] * meeting.back[j, k]
            total += abs(product)
        off = off_forms[meeting.names[i], 1] + (2 * d + number + 8) * UNIT * size
        distance = max(distance, 1.01 * (total + off * norm) + number * UNIT)
    return 1.01 * norm, distance


@kernel(**FAST)
def _within(cell, m, found, radius):
    """Tell whether all points within a radius of one are surely strictly inside a cell.

    No slope of a row is larger than 2 (see `certificates.normalise`).
    """
    d = found.size
    for k in range(d):
        if not cell.domain[0, k] < found[k] - radius or not found[k] + radius < cell.domain[1, k]:
            return False
    for i in range(m):
        if not value_of(cell.rows, i, found) > cell.off[i, 0] + 1.01 * radius * (
            2 * d + cell.off[i, 1]
        ):
            return False
    return True


@kernel()
def meets(cell, m, number, forms, off_forms, meeting, found):
    """Tell whether hyperplanes certainly meet, independently, inside a cell close to a point.

    Parameters
    ----------
    cell : Cell
    m : int
        Number of its rows.
    number : int
        So many of `meeting.names` are to meet.
    forms, off_forms : (n, d + 1) and (n, 4) arrays
    meeting : Meeting
        With its metric.
    found : (d,) array
        A point inside the cell; the point where they meet takes its place.
    """
    d, radius = found.size, 0.0
    if number > d:
        return False
    for i in range(number):
        for k in range(d):
            meeting.slopes[i, k] = forms[meeting.names[i], k]
    if not _factored(number, meeting):
        return False
    _solved(number, meeting)
    _step(number, forms, meeting, found)
    if not _within(cell, m, found, 0.0):
        return False
    _step(number, forms, meeting, found)
    norm, distance = _apart(number, off_forms, meeting)
    if not distance < 0.5:
        return False
    for i in range(number):
        rest = value_of(forms, meeting.names[i], found)
        radius = max(radius, abs(rest) + off_forms[meeting.names[i], 0])
    return _within(cell, m, found, 1.01 * norm / (1.0 - distance) * radius)
