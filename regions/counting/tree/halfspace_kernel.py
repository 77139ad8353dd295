"""Cuts cells given by halfspaces and a witness point, unit by unit, with small linear programs.

The side of a unit's hyperplane that holds the witness is there for free; the other side is there
if a chord through the witness, or else one linear program, reaches it. One call handles a batch of
cells and can be resumed, so memory stays that of one stack and one batch of children.
"""

from __future__ import annotations

import numpy as np
from numba import njit, objmode

from regions.counting.tree.simplex import FAILED, maximise

BEYOND = 1e-9  # how far past a hyperplane a cell must reach, in units of the domain
DEEP = 1e-4  # a linear program stops as soon as it is so far past


def highs_maximise(table, slack, low, high):
    """Return (value, point) of the program of `simplex.maximise`, solved by HiGHS."""
    from scipy.optimize import linprog

    bounds = np.column_stack([low, high])
    found = linprog(-table[-1], -table[:-1], slack, bounds=bounds, method="highs")
    if found.status != 0:
        return np.nan, np.zeros(len(low))
    return -found.fun, found.x


@njit(cache=True)
def farthest(rows, slack, m, gain, low, high, target, point):
    """Return the largest gain over the cell (or the first found above target), or NaN."""
    d = gain.size
    table = np.empty((m + 1, d))
    table[:m] = rows[:m, :d]
    table[m] = gain
    code, value = maximise(table, slack[:m], low, high, target, point)
    if code == FAILED:
        table[:m] = rows[:m, :d]
        table[m] = gain
        slacks = slack[:m].copy()
        with objmode(value="float64", found="float64[::1]"):
            value, found = highs_maximise(table, slacks, low, high)
        point[:] = found
    return value


@njit(cache=True)
def _dot(a, b):
    total = 0.0
    for k in range(b.size):
        total += a[k] * b[k]
    return total


@njit(cache=True)
def _chord(rows, slack, m, low, high, point, direction, rates):
    """Return how far one can go backward and forward along `direction` inside the cell."""
    back, ahead = -np.inf, np.inf
    for k in range(point.size):
        if direction[k] > 0.0:
            ahead = min(ahead, (high[k] - point[k]) / direction[k])
            back = max(back, (low[k] - point[k]) / direction[k])
        elif direction[k] < 0.0:
            ahead = min(ahead, (low[k] - point[k]) / direction[k])
            back = max(back, (high[k] - point[k]) / direction[k])
    for i in range(m):
        rate = _dot(rows[i], direction)
        rates[i] = rate
        if rate < -1e-14:
            ahead = min(ahead, -slack[i] / rate)
        elif rate > 1e-14:
            back = max(back, -slack[i] / rate)
    return back, ahead


@njit(cache=True)
def recentre(rows, slack, m, low, high, point):
    """Move `point` to the middle of its chords, along every axis and every normal."""
    d = point.size
    direction, rates = np.zeros(d), np.empty(m)
    for k in range(d + m):
        if k < d:
            direction[:] = 0.0
            direction[k] = 1.0
        else:
            direction[:] = rows[k - d, :d]
        back, ahead = _chord(rows, slack, m, low, high, point, direction, rates)
        move = 0.5 * (back + ahead)
        for j in range(d):
            point[j] += move * direction[j]
        for i in range(m):
            slack[i] = max(slack[i] + move * rates[i], 0.0)


@njit(cache=True)
def slacks(rows, m, point, slack):
    """Fill `slack` with the value of every row at `point`."""
    for i in range(m):
        slack[i] = max(_dot(rows[i], point) + rows[i, point.size], 0.0)


@njit(cache=True)
def other_side(rows, slack, m, low, high, point, gain, value, past, found):
    """Find a point of the cell where the gain, `value` < 0 at `point`, is positive.

    Returns whether there is one; it is strictly inside the cell and written to `found`.
    """
    d = gain.size
    _, ahead = _chord(rows, slack, m, low, high, point, gain, np.empty(m))
    crossing = -value / _dot(gain, gain)
    if ahead - crossing > 10 * past:
        stop = min(ahead, crossing + 1.0)
        for k in range(d):
            found[k] = point[k] + 0.5 * (crossing + stop) * gain[k]
        return True
    beyond = farthest(rows, slack, m, gain, low - point, high - point, DEEP - value, found) + value
    if not beyond > past:
        return False
    # halfway between the hyperplane and the point reached
    share = 1.0 - 0.5 * beyond / (beyond - value)
    for k in range(d):
        found[k] = point[k] + share * found[k]
    return _inside(rows, m, found)


@njit(cache=True)
def _inside(rows, m, point):
    for i in range(m):
        if _dot(rows[i], point) + rows[i, point.size] <= 0.0:
            return False
    return True


@njit(cache=True)
def _range(form, low, high):
    least = most = form[low.size]
    for k in range(low.size):
        if form[k] > 0:
            least += form[k] * low[k]
            most += form[k] * high[k]
        elif form[k] < 0:
            least += form[k] * high[k]
            most += form[k] * low[k]
    return least, most


@njit(cache=True)
def normalise(values, noise, forms, beyond):
    """Write forms with unit normals of every unit on every cell, and how far past zero is enough.

    Parameters
    ----------
    values : (cells, d + 1, n) array
        The units' coefficients as the network gives them.
    noise : (cells, n) array
    forms : (cells, n, d + 1) array to fill
        A form that is constant up to rounding becomes (0, its sign).
    beyond : (cells, n) array to fill
    """
    cells, width, n = values.shape
    for cell in range(cells):
        for i in range(n):
            norm, last = 0.0, values[cell, width - 1, i]
            for j in range(width - 1):
                norm += values[cell, j, i] ** 2
            norm = np.sqrt(norm)
            beyond[cell, i] = BEYOND
            if norm > noise[cell, i]:
                beyond[cell, i] += noise[cell, i] / norm
                for j in range(width):
                    forms[cell, i, j] = values[cell, j, i] / norm
            else:
                forms[cell, i, :] = 0.0
                forms[cell, i, width - 1] = 1.0 if last > noise[cell, i] else -1.0


@njit(cache=True)
def _decide(form, past, rows, slack, m, low, high, point, found):
    """Return (sign, cuts): the side of `point`, and whether `found` is a point on the other."""
    d = point.size
    least, most = _range(form, low, high)
    if least >= -past:
        return (1 if most > past or most > -least else -1), False
    if most <= past:
        return -1, False
    value = _dot(form, point) + form[d]
    if abs(value) <= 1e-12:  # the witness lies on the hyperplane: step off it
        slack_copy = slack.copy()
        for sign in (1.0, -1.0):
            if other_side(
                rows, slack_copy, m, low, high, point, sign * form[:d], -1e-300, past, found
            ):
                point[:] = found
                slacks(rows, m, point, slack)
                value = _dot(form, point) + form[d]
                break
        if abs(value) <= 1e-12:
            return -1, False
    sign = 1 if value > 0 else -1
    cuts = other_side(rows, slack, m, low, high, point, -sign * form[:d], -abs(value), past, found)
    return sign, cuts


@njit(cache=True)
def _load(rows, forms, cuts, signs, local):
    """Write a cell's halfspaces, its parent's and those of the units that cut; return how many."""
    m = rows.shape[0]
    local[:m] = rows
    for j in range(cuts.size):
        local[m] = signs[cuts[j]] * forms[cuts[j]]
        m += 1
    return m


@njit(cache=True)
def split(forms, beyond, rows, starts, low, high, points, cursor, stack, budget, out):
    """Cut a batch of cells by all units of one layer; return the number of children found.

    Parameters
    ----------
    forms : (cells, n, d + 1) array
        Unit-norm forms of the layer's units on each cell (see `normalise`).
    beyond : (cells, n) array
        How far past zero a form must reach.
    rows, starts : (total, d + 1) array and (cells + 1,) array
        Each cell's halfspaces ``rows @ (y, 1) >= 0``.
    low, high : (cells, d) arrays
        Bounds of each cell.
    points : (cells, d) array
        A strictly interior point of each cell.
    cursor : (2,) array
        Next cell and stack height; kept between calls, (0, 0) at first.
    stack : tuple of arrays
        (points, units, cuts, number of cuts, signs) of the cells still to do.
    budget : int
        Return after so many children, even if cells are left.
    out : tuple of arrays (owner, points, signs, cuts, number of cuts), each `budget` long, or empty
        Filled with the children; empty arrays for counting alone.
    """
    s_point, s_unit, s_cut, s_cuts, s_sign = stack
    o_owner, o_point, o_sign, o_cut, o_cuts = out
    cells, n, d = forms.shape[0], forms.shape[1], forms.shape[2] - 1
    keep = o_owner.size > 0
    most = 0
    for i in range(cells):
        most = max(most, starts[i + 1] - starts[i])
    local, slack = np.empty((most + n, d + 1)), np.empty(most + n)
    point, found = np.empty(d), np.empty(d)
    children = 0
    while children < budget:
        if cursor[1] == 0:
            if cursor[0] == cells:
                break
            s_point[0], s_unit[0], s_cuts[0] = points[cursor[0]], 0, 0
            cursor[0] += 1
            cursor[1] = 1
        top, cell = cursor[1] - 1, cursor[0] - 1
        cuts, unit = s_cuts[top], s_unit[top]
        point[:] = s_point[top]
        bounds = low[cell], high[cell]
        m = _load(
            rows[starts[cell] : starts[cell + 1]],
            forms[cell],
            s_cut[top, :cuts],
            s_sign[top],
            local,
        )
        slacks(local, m, point, slack)
        if cuts > 0:
            recentre(local, slack, m, bounds[0], bounds[1], point)
        while unit < n:
            form = forms[cell, unit]
            sign, cut = _decide(
                form, beyond[cell, unit], local, slack, m, bounds[0], bounds[1], point, found
            )
            s_sign[top, unit] = sign
            if cut:
                s_cut[top, cuts] = unit
                cuts += 1
                # the other side waits below; this one goes on in the frame above it
                s_point[top + 1], s_unit[top], s_cuts[top] = s_point[top], unit + 1, cuts
                s_point[top] = found
                s_sign[top + 1, : unit + 1] = s_sign[top, : unit + 1]
                s_cut[top + 1, :cuts] = s_cut[top, :cuts]
                s_sign[top, unit] = -sign
                top += 1
                local[m] = sign * form
                slack[m] = sign * (_dot(form, point) + form[d])
                m += 1
            unit += 1
        if keep:
            o_owner[children], o_point[children], o_cuts[children] = cell, point, cuts
            o_sign[children], o_cut[children, :cuts] = s_sign[top], s_cut[top, :cuts]
        children += 1
        cursor[1] = top
    return children


@njit(cache=True)
def _share(rows, slack, m, low, high, point, found, form):
    """Return the share of the cell's chord across a hyperplane that lies on `point`'s side."""
    d = point.size
    value, other = _dot(form, point) + form[d], _dot(form, found) + form[d]
    crossing, moved, normal = np.empty(d), np.empty(m), np.empty(d)
    for k in range(d):
        crossing[k] = point[k] + value / (value - other) * (found[k] - point[k])
        normal[k] = form[k] if value > 0 else -form[k]
    slacks(rows, m, crossing, moved)
    back, ahead = _chord(rows, moved, m, low, high, crossing, normal, np.empty(m))
    return ahead / (ahead - back)


@njit(cache=True)
def descend(forms, beyond, rows, starts, low, high, points, draws, evenness, out):
    """Walk every cell of a batch down through one layer, choosing sides at random.

    The side of the witness is taken with a probability between `evenness` and 1 - `evenness`, the
    closer to the share of the cell's chord the further these are apart. `draws` holds a uniform
    number for every cell and unit. Fills (points, signs, cuts, number of cuts, log2 weights),
    where the weight is 1 over the probability of the walk.
    """
    o_point, o_sign, o_cut, o_cuts, o_log2 = out
    n, d = forms.shape[1], forms.shape[2] - 1
    found = np.empty(d)
    for cell in range(forms.shape[0]):
        m = starts[cell + 1] - starts[cell]
        local, slack = np.empty((m + n, d + 1)), np.empty(m + n)
        local[:m] = rows[starts[cell] : starts[cell + 1]]
        point = points[cell].copy()
        slacks(local, m, point, slack)
        cuts, log2 = 0, 0.0
        for unit in range(n):
            form = forms[cell, unit]
            sign, cut = _decide(
                form, beyond[cell, unit], local, slack, m, low[cell], high[cell], point, found
            )
            if cut:
                share = _share(local, slack, m, low[cell], high[cell], point, found, form)
                share = min(max(share, evenness), 1.0 - evenness)
                if draws[cell, unit] >= share:
                    sign, share, point[:] = -sign, 1.0 - share, found
                log2 -= np.log2(share)
                local[m] = sign * form
                m += 1
                slacks(local, m, point, slack)
                recentre(local, slack, m, low[cell], high[cell], point)
                o_cut[cell, cuts] = unit
                cuts += 1
            o_sign[cell, unit] = sign
        o_point[cell], o_cuts[cell], o_log2[cell] = point, cuts, log2
