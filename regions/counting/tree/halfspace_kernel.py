"""Cuts cells given by halfspaces and a witness point, unit by unit, with small linear programs.

The side of a unit's hyperplane that holds the witness is there for free; the other side is there
if a chord through the witness, or else one linear program, reaches it. What float64 cannot certify
is asked: the call returns, and goes on with the answer. It returns after bounded work too, so that
clocks are looked at; memory stays that of one stack and one batch of children.
"""

from __future__ import annotations

import numpy as np

from regions.counting.tree.certificates import dot, extent, inside, nowhere_positive
from regions.counting.tree.simplex import FAILED, OPTIMAL, maximise
from regions.kernels import kernel

DEEP = 1e-4  # a linear program stops as soon as it is so far past a hyperplane
WORK = 2e7  # multiplications, about, before a call returns
DONE, PAUSED, DOUBT = 0, 1, 2  # why a call returned
NO, CUTS, ASK = 0, 1, 2  # what a unit does to a cell
ASIDE, GONE = 3, 4  # answers: the other side, or both, are dealt with elsewhere


@kernel()
def farthest(rows, slack, m, gain, low, high, target, point, corner, work):
    """Run `simplex.maximise` for one gain over a cell; (code, value)."""
    d = gain.size
    table = np.empty((m + 1, d))
    for k in range(d):
        for i in range(m):
            table[i, k] = rows[i, k]
        table[m, k] = gain[k]
    code, value, steps = maximise(table, slack[:m], low, high, target, point, corner)
    work[0] += (steps + 2) * m * d
    return code, value


@kernel()
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
        rate = dot(rows[i], direction)
        rates[i] = rate
        if rate < -1e-14:
            ahead = min(ahead, -slack[i] / rate)
        elif rate > 1e-14:
            back = max(back, -slack[i] / rate)
    return back, ahead


@kernel()
def recentre(rows, off, slack, m, low, high, domain, point):
    """Move `point` to the middle of its chords, along every axis and normal, if surely inside."""
    d = point.size
    direction, rates, before = np.zeros(d), np.empty(m), point.copy()
    for k in range(d + m):
        for j in range(d):
            direction[j] = (1.0 if j == k else 0.0) if k < d else rows[k - d, j]
        back, ahead = _chord(rows, slack, m, low, high, point, direction, rates)
        move = 0.5 * (back + ahead)
        for j in range(d):
            point[j] += move * direction[j]
        for i in range(m):
            slack[i] = max(slack[i] + move * rates[i], 0.0)
    if not inside(rows, off, m, point, domain):
        point[:] = before
    slacks(rows, m, point, slack)


@kernel()
def slacks(rows, m, point, slack):
    """Fill `slack` with the value of every row at `point`."""
    for i in range(m):
        slack[i] = max(dot(rows[i], point) + rows[i, point.size], 0.0)


@kernel()
def other_side(rows, off, slack, m, low, high, domain, point, gain, off_gain, found, corner, work):
    """Look for a point of the cell where the gain, not positive at `point`, is.

    Returns CUTS if there is one, in `found`, NO if there certainly is none, else ASK.
    """
    d = gain.size - 1
    slope, value = gain[:d], min(dot(gain, point) + gain[d], 0.0)
    steep = dot(slope, slope)
    if not steep > 0.0:
        return ASK
    _, ahead = _chord(rows, slack, m, low, high, point, slope, np.empty(m))
    crossing = -value / steep
    work[0] += 2 * m * d
    if ahead - crossing > 1e-8:
        stop = min(ahead, crossing + 1.0)
        for k in range(d):
            found[k] = point[k] + 0.5 * (crossing + stop) * slope[k]
        if _surely(rows, off, m, domain, gain, off_gain, found):
            return CUTS
    ahead_of, target = np.empty(d), DEEP + 8.0 * off_gain[0] - value
    code, most = farthest(
        rows, slack, m, slope, low - point, high - point, target, ahead_of, corner, work
    )
    if code == FAILED:
        return ASK
    beyond = most + value
    if beyond > 4.0 * off_gain[0]:
        # between the hyperplane and the point reached
        for part in (0.5, 0.9):
            share = 1.0 - part * beyond / most
            for k in range(d):
                found[k] = point[k] + share * ahead_of[k]
            if _surely(rows, off, m, domain, gain, off_gain, found):
                return CUTS
    elif code == OPTIMAL and nowhere_positive(gain, off_gain, rows, off, low, high, corner, domain):
        return NO
    for k in range(d):
        found[k] = point[k] + ahead_of[k]
    return ASK


@kernel()
def _surely(rows, off, m, domain, gain, off_gain, point):
    """Tell whether a point is certainly inside the cell with a positive gain."""
    if not dot(gain, point) + gain[point.size] > off_gain[0]:
        return False
    return inside(rows, off, m, point, domain)


@kernel()
def _decide(form, off_form, rows, off, slack, m, low, high, domain, point, found, corner, work):
    """Return (sign, what): the side of `point`, and whether `found` is a point on the other.

    A witness too close to the hyperplane is moved off it.
    """
    d, reach = point.size, off_form[0]
    least, most = extent(form, low, high)
    work[0] += d
    if most + reach <= 0.0:
        return -1, NO
    if least - reach >= 0.0 and most > reach:
        return 1, NO
    value = dot(form, point) + form[d]
    if not abs(value) > reach:
        what = ASK
        for sign in (1.0, -1.0):
            if what != CUTS:
                what = other_side(
                    rows, off, slack, m, low, high, domain, point, sign * form, off_form, found,
                    corner, work,
                )  # fmt: skip
        if what != CUTS:
            return 0, ASK
        point[:] = found
        slacks(rows, m, point, slack)
        value = dot(form, point) + form[d]
    sign = 1 if value > 0 else -1
    what = other_side(
        rows, off, slack, m, low, high, domain, point, -sign * form, off_form, found, corner, work
    )
    return sign, what


@kernel()
def _recalled(recall, unit, signs):
    """Return the sign that is known to follow from those of earlier units, or 0."""
    needs, follows, number = recall
    for k in range(number[unit]):
        holds = True
        for j in range(unit):
            if needs[unit, k, j] != 0 and needs[unit, k, j] != signs[j]:
                holds = False
                break
        if holds:
            return follows[unit, k]
    return 0


@kernel()
def _load(cell, batch, forms, off_forms, cuts, signs, local, off):
    """Write a cell's halfspaces, its parent's and those of the units that cut; return how many."""
    rows, offs, starts = batch[0], batch[1], batch[2]
    m = starts[cell + 1] - starts[cell]
    for i in range(m):
        for k in range(local.shape[1]):
            local[i, k] = rows[starts[cell] + i, k]
        for k in range(4):
            off[i, k] = offs[starts[cell] + i, k]
    for j in range(cuts.size):
        unit = cuts[j]
        _add(m, forms[cell, unit], signs[unit], off_forms[cell, unit], local, off)
        m += 1
    return m


@kernel()
def _add(m, form, sign, off_form, local, off):
    """Write one more halfspace of a cell."""
    for k in range(form.size):
        local[m, k] = sign * form[k]
    for k in range(4):
        off[m, k] = off_form[k]


@kernel()
def split(forms, off_forms, batch, domain, cursor, stack, answer, recall, corner, work, out):
    """Cut a batch of cells by all units of one layer; return (code, children found).

    Parameters
    ----------
    forms, off_forms : (cells, n, d + 1) and (cells, n, 4) arrays
        The layer's units on each cell (see `certificates.normalise`).
    batch : (rows, off, starts, low, high, points)
        The cells' halfspaces one after the other, bounds and witnesses; one whose witness is NaN
        is passed over.
    domain : (6, d) array
        Bounds surely inside the domain, its exact sides (NaN where these are no float64), and
        bounds of it: lower and upper each.
    cursor : (2,) array
        Next cell and stack height; kept between calls, (0, 0) at first.
    stack : (points, units, cuts, number of cuts, signs, fresh) of the cells still to do
    answer : (numbers, point, found)
        To the question after DOUBT, about the unit of the cell on top: numbers[0] is what it does
        (-1 if nothing was asked) and numbers[1] the sign at `point`, the cell's witness from now.
    recall : (needs, follows, number)
        Signs that are known to follow from those of earlier units, on the current cell.
    corner : (names, kinds, prices)
        Where the linear program in doubt stopped.
    work : (1,) array
    out : (owner, points, signs, cuts, number of cuts, most children), or empty for counting alone
    """
    s_point, s_unit, s_cut, s_cuts, s_sign, s_fresh = stack
    numbers, a_point, found = answer
    starts, low, high, points = batch[2], batch[3], batch[4], batch[5]
    cells, n, d = forms.shape[0], forms.shape[1], forms.shape[2] - 1
    most = n
    for i in range(cells):
        most = max(most, starts[i + 1] - starts[i] + n)
    local, off, slack = np.empty((most, d + 1)), np.empty((most, 4)), np.empty(most)
    point = np.empty(d)
    children, budget, keep = 0, out[5], out[0].size > 0
    work[0] = 0.0
    while children < budget:
        if cursor[1] == 0:
            if cursor[0] == cells:
                return DONE, children
            if np.isnan(points[cursor[0], 0]):
                cursor[0] += 1
                continue
            s_point[0], s_unit[0], s_cuts[0], s_fresh[0] = points[cursor[0]], 0, 0, 0
            recall[2][:] = 0
            cursor[0] += 1
            cursor[1] = 1
        top, cell = cursor[1] - 1, cursor[0] - 1
        cuts, unit = s_cuts[top], s_unit[top]
        point[:] = s_point[top]
        m = _load(cell, batch, forms, off_forms, s_cut[top, :cuts], s_sign[top], local, off)
        slacks(local, m, point, slack)
        if s_fresh[top] == 1:
            recentre(local, off, slack, m, low[cell], high[cell], domain, point)
            work[0] += (m + d) * (m + d) * d
            s_fresh[top] = 0
        what = NO
        while unit < n:
            form, off_form = forms[cell, unit], off_forms[cell, unit]
            if numbers[0] >= 0:
                what, sign = numbers[0], numbers[1]
                numbers[0] = -1
                point[:] = a_point
                slacks(local, m, point, slack)
                if what == GONE:
                    break
            elif work[0] > WORK:
                s_point[top], s_unit[top], s_cuts[top], cursor[1] = point, unit, cuts, top + 1
                return PAUSED, children
            else:
                sign, what = _recalled(recall, unit, s_sign[top]), NO
                if sign == 0:
                    sign, what = _decide(
                        form, off_form, local, off, slack, m, low[cell], high[cell], domain,
                        point, found, corner, work,
                    )  # fmt: skip
            if what == ASK:
                s_point[top], s_unit[top], s_cuts[top], cursor[1] = point, unit, cuts, top + 1
                return DOUBT, children
            s_sign[top, unit] = sign
            if what != NO:
                s_cut[top, cuts] = unit
                cuts += 1
                _add(m, form, sign, off_form, local, off)
                slack[m] = max(sign * (dot(form, point) + form[d]), 0.0)
                m += 1
            if what == CUTS:
                # the other side waits below; this one goes on in the frame above it
                s_sign[top + 1, : unit + 1] = s_sign[top, : unit + 1]
                s_cut[top + 1, :cuts] = s_cut[top, :cuts]
                s_point[top], s_unit[top], s_cuts[top], s_fresh[top] = found, unit + 1, cuts, 1
                s_sign[top, unit] = -sign
                top += 1
                s_fresh[top] = 0
            unit += 1
        if what != GONE:
            if keep:
                out[0][children], out[1][children], out[4][children] = cell, point, cuts
                out[2][children], out[3][children, :cuts] = s_sign[top], s_cut[top, :cuts]
            children += 1
        cursor[1] = top
    return DONE, children


@kernel()
def _share(rows, slack, m, low, high, point, found, form):
    """Return the share of the cell's chord across a hyperplane that lies on `point`'s side."""
    d = point.size
    value, other = dot(form, point) + form[d], dot(form, found) + form[d]
    if not value * other < 0.0:
        return 0.5
    crossing, moved, normal = np.empty(d), np.empty(m), np.empty(d)
    for k in range(d):
        crossing[k] = point[k] + value / (value - other) * (found[k] - point[k])
        normal[k] = form[k] if value > 0 else -form[k]
    slacks(rows, m, crossing, moved)
    back, ahead = _chord(rows, moved, m, low, high, crossing, normal, np.empty(m))
    return ahead / (ahead - back) if ahead > back else 0.5


@kernel()
def descend(
    forms, off_forms, batch, domain, cursor, answer, recall, corner, work, draws, evenness, out
):
    """Walk every cell of a batch down through one layer, choosing sides at random.

    The side of the witness is taken with a probability between `evenness` and 1 - `evenness`, the
    closer to the share of the cell's chord the further these are apart. `draws` holds a uniform
    number for every cell and unit. Fills (points, signs, cuts, number of cuts, log2 weights),
    where the weight is 1 over the probability of the walk. `cursor` is the cell and the unit to
    go on with; a cell whose witness is NaN, or becomes it, is passed over. Returns a code; see
    `split` for the rest.
    """
    o_point, o_sign, o_cut, o_cuts, o_log2 = out
    numbers, a_point, found = answer
    starts, low, high, points = batch[2], batch[3], batch[4], batch[5]
    n, d = forms.shape[1], forms.shape[2] - 1
    work[0] = 0.0
    while cursor[0] < forms.shape[0]:
        cell, unit = cursor[0], cursor[1]
        if unit == 0:
            o_point[cell], o_cuts[cell], o_log2[cell] = points[cell], 0, 0.0
            recall[2][:] = 0
        cuts, most = o_cuts[cell], starts[cell + 1] - starts[cell] + n
        point = o_point[cell]
        local, off, slack = np.empty((most, d + 1)), np.empty((most, 4)), np.empty(most)
        m = _load(cell, batch, forms, off_forms, o_cut[cell, :cuts], o_sign[cell], local, off)
        slacks(local, m, point, slack)
        while unit < n and not np.isnan(point[0]):
            form, off_form = forms[cell, unit], off_forms[cell, unit]
            cursor[1] = unit
            if numbers[0] >= 0:
                what, sign = numbers[0], numbers[1]
                numbers[0] = -1
                point[:] = a_point
                slacks(local, m, point, slack)
            elif work[0] > WORK:
                return PAUSED
            else:
                sign, what = _recalled(recall, unit, o_sign[cell]), NO
                if sign == 0:
                    sign, what = _decide(
                        form, off_form, local, off, slack, m, low[cell], high[cell], domain,
                        point, found, corner, work,
                    )  # fmt: skip
            if what == ASK:
                return DOUBT
            if what == ASIDE:
                o_log2[cell] += 1.0
                _add(m, form, sign, off_form, local, off)
                slack[m] = max(sign * (dot(form, point) + form[d]), 0.0)
                m += 1
            if what == CUTS:
                share = _share(local, slack, m, low[cell], high[cell], point, found, form)
                share = min(max(share, evenness), 1.0 - evenness)
                if draws[cell, unit] >= share:
                    sign, share = -sign, 1.0 - share
                    point[:] = found
                o_log2[cell] -= np.log2(share)
                _add(m, form, sign, off_form, local, off)
                m += 1
                slacks(local, m, point, slack)
                recentre(local, off, slack, m, low[cell], high[cell], domain, point)
            if what != NO:
                o_cut[cell, cuts] = unit
                cuts += 1
                o_cuts[cell] = cuts
            o_sign[cell, unit] = sign
            unit += 1
        cursor[0] += 1
        cursor[1] = 0
    return DONE
