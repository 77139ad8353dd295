"""Chords of a cell through a point inside it: they find its middle, and points on other sides."""

from __future__ import annotations

from regions.counting.tree.cell import inside, slacks, value_at
from regions.kernels import FAST, kernel

_FLAT = 1e-14


@kernel(**FAST)
def chord(cell, m, point, direction, rates):
    """Return how far one can go backward and forward along a direction inside the cell.

    Fills how fast every row changes on the way.
    """
    d, back, ahead = point.size, -1e308, 1e308
    for k in range(d):
        if direction[k] > 0.0:
            ahead = min(ahead, (cell.high[k] - point[k]) / direction[k])
            back = max(back, (cell.low[k] - point[k]) / direction[k])
        elif direction[k] < 0.0:
            ahead = min(ahead, (cell.low[k] - point[k]) / direction[k])
            back = max(back, (cell.high[k] - point[k]) / direction[k])
    for i in range(m):
        rate = 0.0
        for k in range(d):
            rate += cell.rows[i, k] * direction[k]
        rates[i] = rate
        if rate < -_FLAT:
            ahead = min(ahead, -cell.slack[i] / rate)
        elif rate > _FLAT:
            back = max(back, -cell.slack[i] / rate)
    return back, ahead


@kernel(**FAST)
def _along(cell, m, point, axis, rates):
    """Return the same along a coordinate."""
    ahead, back = cell.high[axis] - point[axis], cell.low[axis] - point[axis]
    for i in range(m):
        rate = cell.rows[i, axis]
        rates[i] = rate
        if rate < -_FLAT:
            ahead = min(ahead, -cell.slack[i] / rate)
        elif rate > _FLAT:
            back = max(back, -cell.slack[i] / rate)
    return back, ahead


@kernel(**FAST)
def recentre(cell, m, point, room):
    """Move `point` to the middle of its chords, along every axis and normal, if surely inside."""
    d, direction, rates = point.size, room.direction, room.rates
    for k in range(d):
        room.before[k] = point[k]
    for k in range(d + m):
        if k < d:
            back, ahead = _along(cell, m, point, k, rates)
            move = 0.5 * (back + ahead)
            point[k] += move
        else:
            for j in range(d):
                direction[j] = cell.rows[k - d, j]
            back, ahead = chord(cell, m, point, direction, rates)
            move = 0.5 * (back + ahead)
            for j in range(d):
                point[j] += move * direction[j]
        for i in range(m):
            cell.slack[i] = max(cell.slack[i] + move * rates[i], 0.0)
    if not inside(cell, m, point):
        for k in range(d):
            point[k] = room.before[k]
    slacks(cell, m, point)
    room.work[0] += (m + d) * (m + d) * d


@kernel()
def share(cell, m, point, found, form, room):
    """Return the share of the cell's chord across a hyperplane that lies on `point`'s side."""
    d, value, other = point.size, value_at(form, point), value_at(form, found)
    if not value * other < 0.0:
        return 0.5
    crossing, normal = room.before, room.direction
    for k in range(d):
        crossing[k] = point[k] + value / (value - other) * (found[k] - point[k])
        normal[k] = form[k] if value > 0 else -form[k]
    slacks(cell, m, crossing)
    back, ahead = chord(cell, m, crossing, normal, room.rates)
    slacks(cell, m, point)
    return ahead / (ahead - back) if ahead > back else 0.5
