"""Counts the cells that hyperplanes cut out of cells given by halfspaces, through their flats.

Cells below a cell are as many as those without one hyperplane and those of its own section [1]_.
Hyperplanes that meet inside, independently, cut 2^k cells at once: whatever remains of a section
is tried for that. Whether a hyperplane crosses a section is shown by a point on both (see
`meeting`), or by one linear program, which starts where the last one on that section stopped.
What is not certified is left to cutting: dependent hyperplanes, which are not distinct on some
section, are never certified to cross or to miss it.

.. [1] T. Zaslavsky, Facing up to arrangements, Memoirs AMS 154 (1975).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.tree.cell import extent, room_for, slacks, value_at
from regions.counting.tree.certificates import nowhere_positive
from regions.counting.tree.halfspace_kernel import cell_at, cell_of, load
from regions.counting.tree.meeting import measure, meeting_of, meets
from regions.counting.tree.simplex import (
    FAILED,
    FIXED,
    FREE,
    OPTIMAL,
    climb,
    counted,
    exchange,
    pivot,
)
from regions.kernels import kernel

DONE, PAUSED, DOUBT = 0, 1, 2
MISSES, CROSSES, ASK = 0, 1, 2
WORK = 2e7
_STEEP = 1e-9  # the least slope, of about 1, that a coordinate is eliminated by


class UnderWay(NamedTuple):
    """A cell's section, a section of it ...: how far each is done. Kept between calls.

    Attributes
    ----------
    todo : (levels, 3) int array
        Where a section's hyperplanes begin, how many are left, and whether all of them are known
        to cross it.
    chosen : (levels,) int array
        The hyperplane that makes the next section.
    inside : (levels, d) array
        A point inside the section.
    units : (room,) int array
        Hyperplanes that are left, section after section,
    points : (room, d) array
        and where they cross it.
    far : (room,) array
        How far from the point inside that is.
    """

    todo: np.ndarray
    chosen: np.ndarray
    inside: np.ndarray
    units: np.ndarray
    points: np.ndarray
    far: np.ndarray


@kernel()
def _tabled(cell, m, level, sections, forms, off_forms, room):
    """Write the linear program on a section, from the point inside; tell whether that worked.

    First those of the cell, then of the hyperplanes that make the section (their variables are
    fixed, and coordinates take their place), then of those that are left.
    """
    table, down, up, kinds = room.table, room.down, room.up, room.corner.kinds
    first, number, _ = sections.todo[level]
    x, d = sections.inside[level], sections.inside.shape[1]
    for k in range(d):
        room.nonbasic[k], kinds[k], room.ahead[k], room.shift[k] = k, FREE, 0.0, 0.0
        down[k], up[k] = min(cell.low[k] - x[k], 0.0), max(cell.high[k] - x[k], 0.0)
    height = m + level + number
    for i in range(height):
        room.basic[i], room.shift[d + i] = d + i, 0.0
    for i in range(m):
        for k in range(d):
            table[i, k] = cell.rows[i, k]
        down[d + i], up[d + i] = -cell.slack[i], np.inf
    for i in range(m, height):
        unit = sections.chosen[i - m] if i < m + level else sections.units[first + i - m - level]
        for k in range(d):
            table[i, k] = forms[unit, k]
        if i < m + level:
            down[d + i] = up[d + i] = 0.0
            for k in range(d + 1):
                cell.rows[i, k] = forms[unit, k]
            for k in range(4):
                cell.off[i, k] = off_forms[unit, k]
    for i in range(m, m + level):
        column, steepest = -1, _STEEP
        for k in range(d):
            if kinds[k] == FREE and abs(table[i, k]) > steepest:
                column, steepest = k, abs(table[i, k])
        if column < 0:
            return False
        pivot(table, height, i, column)
        exchange(room, d, i, column)
        kinds[column] = FIXED
    room.work[0] += (level + 2) * height * d
    return True


@kernel()
def _climbed(cell, m, level, at, sections, forms, off_forms, room, meeting):
    """Decide by a linear program whether a hyperplane crosses a section.

    It goes on from where the one for the next hyperplane stopped. Those after it have been decided,
    and what the table holds of them is left as it is.
    """
    first, d = sections.todo[level, 0], sections.inside.shape[1]
    unit, found, x = sections.units[first + at], sections.points[first + at], sections.inside[level]
    height = m + level + at + 1
    here = value_at(forms[unit], x)
    for k in range(d):
        room.direction[k] = x[k] + room.ahead[k]
    sign, start = -1.0 if here > 0.0 else 1.0, value_at(forms[unit], room.direction)
    code, value, steps = climb(
        m + level, height, height - 1, sign, sign * start, abs(here), room.ahead, room
    )
    counted(steps, height * d, room)
    if code == OPTIMAL:
        for k in range(d + 1):
            room.gain[k] = sign * forms[unit, k]
        if nowhere_positive(
            room.gain, off_forms[unit], cell, cell.low, cell.high, cell.domain, room
        ):
            return MISSES
    if code == FAILED or not value > 4.0 * off_forms[unit, 0]:
        return ASK
    part = abs(here) / (abs(here) + value)
    for k in range(d):
        found[k] = x[k] + part * room.ahead[k]
    meeting.names[level] = unit
    return CROSSES if meets(cell, m, level + 1, forms, off_forms, meeting, found) else ASK


@kernel()
def _decided(cell, m, level, sections, forms, off_forms, room, meeting):
    """Find out which hyperplanes cross a section; return a code."""
    first, number, d = sections.todo[level, 0], sections.todo[level, 1], sections.inside.shape[1]
    x, tabled = sections.inside[level], False
    while sections.todo[level, 2] < number:
        if room.work[0] > WORK:
            return PAUSED
        at = number - 1 - sections.todo[level, 2]
        unit, found, what = sections.units[first + at], sections.points[first + at], CROSSES
        for k in range(d):
            found[k] = x[k]
        for i in range(level):
            meeting.names[i] = sections.chosen[i]
        meeting.names[level] = unit
        room.work[0] += (level + 1) ** 2 * d + m * d
        if not meets(cell, m, level + 1, forms, off_forms, meeting, found):
            if not tabled and not _tabled(cell, m, level, sections, forms, off_forms, room):
                return DOUBT
            tabled = True
            what = _climbed(cell, m, level, at, sections, forms, off_forms, room, meeting)
        if what == ASK:
            return DOUBT
        sections.far[first + at] = _far(x, found, meeting.metric) if what == CROSSES else -1.0
        sections.todo[level, 2] += 1
    _kept(sections, level)
    return DONE


@kernel()
def _far(point, other, metric):
    """Return the square of a distance in a metric."""
    total = 0.0
    for k in range(point.size):
        total += (other[k] - point[k]) ** 2 / metric[k]
    return total if total >= 0.0 else 0.0  # it can be no number


@kernel()
def _kept(sections, level):
    """Leave the hyperplanes that cross a section alone on it."""
    first, number, kept = sections.todo[level, 0], sections.todo[level, 1], 0
    for at in range(first, first + number):
        if sections.far[at] >= 0.0:
            _put(sections, at, first + kept)
            kept += 1
    sections.todo[level, 1], sections.todo[level, 2] = kept, kept


@kernel()
def _put(sections, at, to):
    """Write a hyperplane in another place."""
    sections.units[to], sections.far[to] = sections.units[at], sections.far[at]
    for k in range(sections.points.shape[1]):
        sections.points[to, k] = sections.points[at, k]


@kernel()
def _all_meet(cell, m, level, sections, forms, off_forms, room, meeting):
    """Tell whether all hyperplanes that are left on a section certainly meet inside."""
    first, number, _ = sections.todo[level]
    for i in range(level):
        meeting.names[i] = sections.chosen[i]
    for i in range(number):
        meeting.names[level + i] = sections.units[first + i]
    for k in range(room.before.size):
        room.before[k] = sections.inside[level, k]
    room.work[0] += ((level + number) ** 2 + m) * room.before.size
    return meets(cell, m, level + number, forms, off_forms, meeting, room.before)


@kernel()
def _sectioned(level, sections):
    """Go to the section of the farthest hyperplane, which leaves this one; tell if there is room.

    It meets the fewest others, most likely, and those that stay all meet the sooner.
    """
    first, number, _ = sections.todo[level]
    best, last = first, first + number - 1
    for at in range(first, first + number):
        if sections.far[at] > sections.far[best]:
            best = at
    if last + number > sections.units.size:
        return False
    unit = sections.units[best]
    for k in range(sections.inside.shape[1]):
        sections.inside[level + 1, k] = sections.points[best, k]
    _put(sections, last, best)
    sections.chosen[level] = unit
    sections.todo[level] = first, number - 1, number - 1
    sections.todo[level + 1] = last, number - 1, 0
    for i in range(number - 1):
        sections.units[last + i] = sections.units[first + i]
    return True


@kernel()
def _begun(at, forms, off_forms, known, batch, cell, sections):
    """Begin a cell: write the hyperplanes that may cross it, and its point inside."""
    count = 0
    for unit in range(forms.shape[1]):
        if known[at, unit] != 0:
            continue
        least, most = extent(forms[at, unit], cell.low, cell.high)
        reach = off_forms[at, unit, 0]
        if most + reach <= 0.0 or (least - reach >= 0.0 and most > reach):
            continue
        sections.units[count] = unit
        count += 1
    for k in range(batch.points.shape[1]):
        sections.inside[0, k] = batch.points[at, k]
    sections.todo[0] = 0, count, 0


@kernel(makes_arrays=True)
def count_sections(forms, off_forms, known, batch, cursor, sections, cubes, doubtful, corner, work):
    """Count the children of a batch of cells; return DONE, or PAUSED after much work.

    Parameters
    ----------
    forms, off_forms : (cells, n, d + 1) and (cells, n, 4) arrays
        The layer's units on each cell (see `certificates.normalise`).
    known : (cells, n) array
        Signs of units that are known to cut nothing, else 0.
    batch : Batch
    cursor : (2,) array
        Next cell and number of sections under way; kept between calls, (0, 0) at first.
    sections : UnderWay
    cubes : (cells, n + 1) array to add to
        How often k hyperplanes that meet cut 2^k children out of each cell, for every k.
    doubtful : (cells,) bool array
        Set for cells that are left to cutting; so far they have no fewer children than counted.
    corner : Corner
    work : (3,) array
        See `cell.Room`.
    """
    n, d = forms.shape[1], forms.shape[2] - 1
    blank, most = cell_of(batch, n)
    room, meeting, m, at = room_for(most, d, corner, work), meeting_of(n, d), 0, -1
    none = np.empty(0, np.int64)
    cell = blank
    while True:
        if cursor[1] == 0:
            if cursor[0] == forms.shape[0]:
                return DONE
            cursor[0] += 1
            if np.isnan(batch.points[cursor[0] - 1, 0]):
                doubtful[cursor[0] - 1] = True
                continue
            cell = cell_at(blank, batch, cursor[0] - 1)
            _begun(cursor[0] - 1, forms, off_forms, known, batch, cell, sections)
            cursor[1] = 1
        if at != cursor[0] - 1:
            at = cursor[0] - 1
            cell = cell_at(blank, batch, at)
            m = load(at, batch, forms, off_forms, none, 0, none, cell)
        level = cursor[1] - 1
        slacks(cell, m, sections.inside[level])
        measure(cell, m, sections.inside[level], meeting)
        code = _decided(cell, m, level, sections, forms[at], off_forms[at], room, meeting)
        if code == PAUSED:
            return PAUSED
        number = sections.todo[level, 1]
        if (
            code == DONE
            and number > 1
            and not _all_meet(cell, m, level, sections, forms[at], off_forms[at], room, meeting)
        ):
            if _sectioned(level, sections):
                cursor[1] += 1
                continue
            code = DOUBT
        if code == DOUBT:
            doubtful[at], cursor[1] = True, 0
            continue
        cubes[at, number] += 1
        cursor[1] -= 1
