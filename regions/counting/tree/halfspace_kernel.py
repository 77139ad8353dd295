"""Cuts cells given by halfspaces and a witness point, unit by unit, with small linear programs.

The side of a unit's hyperplane that holds the witness is there for free; the other side is there
if a chord through the witness, or else one linear program, reaches it. What float64 cannot certify
is asked: the call returns, and goes on with the answer. It returns after bounded work too, so that
clocks are looked at; memory stays that of one stack and one batch of children.
"""

from __future__ import annotations

import numpy as np

from regions.counting.tree.cell import Cell, extent, inside, room_for, slacks, value_at
from regions.counting.tree.certificates import nowhere_positive
from regions.counting.tree.chords import chord, recentre, share
from regions.counting.tree.simplex import FAILED, OPTIMAL, farthest
from regions.kernels import kernel

DEEP = 1e-4  # a linear program stops as soon as it is so far past a hyperplane
WORK = 2e7  # multiplications, about, before a call returns
DONE, PAUSED, DOUBT = 0, 1, 2  # why a call returned
NO, CUTS, ASK = 0, 1, 2  # what a unit does to a cell
ASIDE, GONE = 3, 4  # answers: the other side, or both, are dealt with elsewhere


@kernel()
def _surely(cell, m, gain, off_gain, point):
    """Tell whether a point is certainly inside the cell with a positive gain."""
    return value_at(gain, point) > off_gain[0] and inside(cell, m, point)


@kernel()
def _other_side(cell, m, point, sign, form, off_form, found, room):
    """Look for a point of the cell where ``sign * form``, not positive at `point`, is.

    Returns CUTS if there is one, in `found`, NO if there certainly is none, else ASK.
    """
    d, gain, steep = point.size, room.gain, 0.0
    for k in range(d + 1):
        gain[k] = sign * form[k]
        steep += gain[k] * gain[k] if k < d else 0.0
    if not steep > 0.0:
        return ASK
    value = min(value_at(gain, point), 0.0)
    _, ahead = chord(cell, m, point, gain, room.rates)
    crossing = -value / steep
    room.work[0] += 2 * m * d
    if ahead - crossing > 1e-8:
        stop = min(ahead, crossing + 1.0)
        for k in range(d):
            found[k] = point[k] + 0.5 * (crossing + stop) * gain[k]
        if _surely(cell, m, gain, off_form, found):
            return CUTS
    target = DEEP + 8.0 * off_form[0] - value
    code, most = farthest(cell, m, gain, cell.low, cell.high, point, target, room.ahead, room)
    if code == FAILED:
        return ASK
    beyond = most + value
    if beyond > 4.0 * off_form[0]:
        # between the hyperplane and the point reached
        for part in (0.5, 0.9):
            way = 1.0 - part * beyond / most
            for k in range(d):
                found[k] = point[k] + way * room.ahead[k]
            if _surely(cell, m, gain, off_form, found):
                return CUTS
    elif code == OPTIMAL and nowhere_positive(
        gain, off_form, cell, cell.low, cell.high, cell.domain, room
    ):
        return NO
    for k in range(d):
        found[k] = point[k] + room.ahead[k]
    return ASK


@kernel()
def _decide(form, off_form, cell, m, point, found, room):
    """Return (sign, what): the side of `point`, and whether `found` is a point on the other.

    A witness too close to the hyperplane is moved off it.
    """
    d, reach = point.size, off_form[0]
    least, most = extent(form, cell.low, cell.high)
    room.work[0] += d
    if most + reach <= 0.0:
        return -1, NO
    if least - reach >= 0.0 and most > reach:
        return 1, NO
    value = value_at(form, point)
    if not abs(value) > reach:
        what = ASK
        for side in (1, -1):
            if what != CUTS:
                what = _other_side(cell, m, point, side, form, off_form, found, room)
        if what != CUTS:
            return 0, ASK
        for k in range(d):
            point[k] = found[k]
        slacks(cell, m, point)
        value = value_at(form, point)
    sign = 1 if value > 0 else -1
    return sign, _other_side(cell, m, point, -sign, form, off_form, found, room)


@kernel()
def _recalled(recall, unit, signs):
    """Return the sign that is known to follow from those of earlier units, or 0."""
    for k in range(recall.number[unit]):
        holds = True
        for j in range(unit):
            needed = recall.needs[unit, k, j]
            if needed != 0 and needed != signs[j]:
                holds = False
                break
        if holds:
            return recall.follows[unit, k]
    return 0


@kernel()
def _answered(form, off_form, known, cell, m, unit, signs, point, answer, recall, room):
    """Return (sign, what) of a unit on a cell: as answered, as known, or decided now.

    (0, -1) after much work.
    """
    if answer.numbers[0] >= 0:
        what, sign = answer.numbers[0], answer.numbers[1]
        answer.numbers[0] = -1
        for k in range(point.size):
            point[k] = answer.point[k]
        slacks(cell, m, point)
        return sign, what
    if known != 0:
        return known, NO
    if room.work[0] > WORK:
        return 0, -1
    sign = _recalled(recall, unit, signs)
    if sign != 0:
        return sign, NO
    return _decide(form, off_form, cell, m, point, answer.found, room)


@kernel()
def load(at, batch, forms, off_forms, cuts, number, signs, cell):
    """Write a cell's halfspaces, its parent's and those of the units that cut; return how many."""
    m, d = 0, batch.points.shape[1]
    for row in range(batch.starts[at], batch.starts[at + 1]):
        for k in range(d + 1):
            cell.rows[m, k] = batch.rows[row, k]
        for k in range(4):
            cell.off[m, k] = batch.off[row, k]
        m += 1
    for j in range(number):
        unit = cuts[j]
        m = _add(m, forms[at, unit], signs[unit], off_forms[at, unit], cell)
    return m


@kernel()
def _add(m, form, sign, off_form, cell):
    """Write one more halfspace of a cell; return how many there are."""
    for k in range(form.size):
        cell.rows[m, k] = sign * form[k]
    for k in range(4):
        cell.off[m, k] = off_form[k]
    return m + 1


@kernel(makes_arrays=True)
def cell_of(batch, n):
    """Return room for the halfspaces of any cell, its bounds to be set, and their number."""
    most, d = n, batch.points.shape[1]
    for i in range(batch.starts.size - 1):
        most = max(most, batch.starts[i + 1] - batch.starts[i] + n)
    none = np.empty(0)
    return Cell(
        np.empty((most, d + 1)), np.empty((most, 4)), np.empty(most), none, none, batch.domain
    ), most


@kernel(makes_arrays=True)
def cell_at(cell, batch, at):
    """Return a cell with the bounds of one of a batch."""
    low, high = batch.low[at], batch.high[at]
    return Cell(cell.rows, cell.off, cell.slack, low, high, cell.domain)


@kernel()
def _wait(stack, top, found, unit, cuts, sign):
    """Leave the other side of a unit waiting on the stack; this one goes on above it."""
    for j in range(unit):
        stack.signs[top + 1, j] = stack.signs[top, j]
    for j in range(cuts):
        stack.cuts[top + 1, j] = stack.cuts[top, j]
    stack.signs[top + 1, unit], stack.signs[top, unit] = sign, -sign
    stack.units[top], stack.number[top] = unit + 1, cuts
    stack.fresh[top], stack.fresh[top + 1] = 1, 0
    for k in range(found.size):
        stack.points[top, k] = found[k]


@kernel()
def _emit(at, point, stack, top, cuts, out, child):
    """Write a child."""
    out.owner[child], out.number[child] = at, cuts
    for k in range(point.size):
        out.points[child, k] = point[k]
    for j in range(out.signs.shape[1]):
        out.signs[child, j] = stack.signs[top, j]
    for j in range(cuts):
        out.cuts[child, j] = stack.cuts[top, j]


@kernel(makes_arrays=True)
def split(forms, off_forms, known, batch, cursor, stack, answer, recall, corner, work, budget, out):
    """Cut a batch of cells by all units of one layer; return (code, children found).

    Parameters
    ----------
    forms, off_forms : (cells, n, d + 1) and (cells, n, 4) arrays
        The layer's units on each cell (see `certificates.normalise`).
    known : (cells, n) array
        Signs of units that are known to cut nothing, else 0.
    batch : Batch
    cursor : (2,) array
        Next cell and stack height; kept between calls, (0, 0) at first.
    stack : Stack
    answer : Answer
        To the question after DOUBT, about the unit of the cell on top.
    recall : Recall
    corner : Corner
        Where the linear program in doubt stopped.
    work : (3,) array
        See `cell.Room`.
    budget : int
        Return after so many children.
    out : Children
    """
    n, d = forms.shape[1], forms.shape[2] - 1
    blank, most = cell_of(batch, n)
    room, point, children = room_for(most, d, corner, work), np.empty(d), 0
    while children < budget:
        if cursor[1] == 0:
            if cursor[0] == forms.shape[0]:
                return DONE, children
            at = cursor[0]
            cursor[0] += 1
            if np.isnan(batch.points[at, 0]):
                continue
            stack.points[0] = batch.points[at]
            stack.units[0], stack.number[0], stack.fresh[0] = 0, 0, 0
            recall.number[:] = 0
            cursor[1] = 1
        top, at = cursor[1] - 1, cursor[0] - 1
        cell, cuts, unit, what = cell_at(blank, batch, at), stack.number[top], stack.units[top], NO
        for k in range(d):
            point[k] = stack.points[top, k]
        m = load(at, batch, forms, off_forms, stack.cuts[top], cuts, stack.signs[top], cell)
        slacks(cell, m, point)
        if stack.fresh[top] == 1:
            recentre(cell, m, point, room)
            stack.fresh[top] = 0
        while unit < n:
            form, off_form, signs = forms[at, unit], off_forms[at, unit], stack.signs[top]
            sign, what = _answered(
                form, off_form, known[at, unit], cell, m, unit, signs, point, answer, recall, room
            )
            if what == GONE:
                break
            if what == ASK or what < 0:
                stack.points[top] = point
                stack.units[top], stack.number[top], cursor[1] = unit, cuts, top + 1
                return (DOUBT if what == ASK else PAUSED), children
            signs[unit] = sign
            if what != NO:
                stack.cuts[top, cuts] = unit
                cuts += 1
                cell.slack[m] = max(sign * value_at(form, point), 0.0)
                m = _add(m, form, sign, off_form, cell)
            if what == CUTS:
                _wait(stack, top, answer.found, unit, cuts, sign)
                top += 1
            unit += 1
        if what != GONE:
            if out.owner.size > 0:
                _emit(at, point, stack, top, cuts, out, children)
            children += 1
        cursor[1] = top
    return DONE, children


@kernel()
def _chosen(cell, m, point, form, off_form, sign, answer, draw, evenness, room):
    """Take one side of a unit that cuts; return (sign, share, number of rows).

    The side of the witness is taken with a probability between `evenness` and 1 - `evenness`, the
    closer to the share of the cell's chord the further these are apart.
    """
    part = share(cell, m, point, answer.found, form, room)
    part = min(max(part, evenness), 1.0 - evenness)
    if draw >= part:
        sign, part = -sign, 1.0 - part
        for k in range(point.size):
            point[k] = answer.found[k]
    m = _add(m, form, sign, off_form, cell)
    slacks(cell, m, point)
    recentre(cell, m, point, room)
    return sign, part, m


@kernel(makes_arrays=True)
def descend(
    forms, off_forms, known, batch, cursor, answer, recall, corner, work, draws, evenness, out
):
    """Walk every cell of a batch down through one layer, choosing sides at random.

    `draws` holds a uniform number for every cell and unit, `out` is a `Walks`; a weight is 1 over
    the probability of the walk (see `_chosen`). `cursor` is the cell and the unit to go on with; a
    cell whose witness is NaN, or becomes it, is passed over. Returns a code; see `split` for the
    rest.
    """
    n, d = forms.shape[1], forms.shape[2] - 1
    blank, most = cell_of(batch, n)
    room = room_for(most, d, corner, work)
    while cursor[0] < forms.shape[0]:
        at, unit = cursor[0], cursor[1]
        if unit == 0:
            out.points[at], out.number[at], out.log2[at] = batch.points[at], 0, 0.0
            recall.number[:] = 0
        cell, cuts, point, signs = (
            cell_at(blank, batch, at),
            out.number[at],
            out.points[at],
            out.signs[at],
        )
        m = load(at, batch, forms, off_forms, out.cuts[at], cuts, signs, cell)
        slacks(cell, m, point)
        while unit < n and not np.isnan(point[0]):
            form, off_form = forms[at, unit], off_forms[at, unit]
            cursor[1] = unit
            sign, what = _answered(
                form, off_form, known[at, unit], cell, m, unit, signs, point, answer, recall, room
            )
            if what == ASK or what < 0:
                return DOUBT if what == ASK else PAUSED
            if what == ASIDE:
                out.log2[at] += 1.0
                cell.slack[m] = max(sign * value_at(form, point), 0.0)
                m = _add(m, form, sign, off_form, cell)
            if what == CUTS:
                sign, part, m = _chosen(
                    cell, m, point, form, off_form, sign, answer, draws[at, unit], evenness, room
                )
                out.log2[at] -= np.log2(part)
            if what != NO:
                out.cuts[at, cuts] = unit
                cuts += 1
                out.number[at] = cuts
            signs[unit] = sign
            unit += 1
        cursor[0] += 1
        cursor[1] = 0
    return DONE
