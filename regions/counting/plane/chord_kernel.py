"""The compiled count of the cells into which the units of one layer cut a polygon."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.plane.layer_kernel import doubt_of
from regions.counting.plane.polygon_kernel import (
    FIRST,
    LAST,
    LAYER,
    LX,
    TINY,
    UNIT,
    UNITS,
    UNITS_END,
    X,
    Y,
    ascending,
    chord,
    cross,
    inlined,
    inner,
)
from regions.counting.plane.sign_kernel import OPEN, clear_signs, fill, reach, side, signs_at, value

UNKNOWN, REPEATED = -1, -2  # a sign is open; the chord lies on one before it


class Chords(NamedTuple):
    """The chords of one polygon that are different, and what is known of the latest."""

    units: np.ndarray  # (chords,)
    lines: np.ndarray  # (chords, LINE)
    bounds: np.ndarray  # (2, chords): of the lines' errors at exact points, and their slopes' size
    rows: np.ndarray  # (3, chords): the lines' coefficients once more
    values: np.ndarray  # (2, chords): of the lines at the ends of the latest
    places: np.ndarray  # (chords,): where the latest meets others
    others: np.ndarray  # (chords,): which these are
    heads: np.ndarray  # (8 * chords + 16,): the last place in each of so many parts of a chord,
    before: np.ndarray  # (chords,): and for every place the one before it in its part
    widths: np.ndarray  # (chords,): how far off these places can be
    ends: np.ndarray  # (2, LX): of the latest
    place: np.ndarray  # (LX,): scratch


@inlined
def count_chords(chain, work, stack, chords, node):
    """Return the number of cells into which the units of a node cut its polygon.

    -1 where a sign is open.
    """
    layer, first, last = node[LAYER], node[FIRST], node[LAST]
    start, end = node[UNITS], node[UNITS_END]
    k, a, kept, cells, known = last - first, chain.unit_at[layer], 0, 1, True
    doubt, maps, errors = doubt_of(chain, work, layer), work.maps, work.errors
    biases, slack, grids = chain.biases, chain.slack, chain.grids
    listed, vertices, signs = stack.units, stack.vertices, stack.signs
    polygon = vertices[first:last]
    for u in range(start, end if end - start > 1 else start):
        unit, line = a + listed[u], chords.lines[kept]
        fill(doubt, maps, errors, biases, slack, grids, unit, line)
        if not clear_signs(line, vertices, first, last, signs):
            if not signs_at(chain, work, stack, layer, unit, line, first, last, signs):
                known = False
                continue
        one, two = chord(polygon, signs, k, line, chords.ends)
        chords.units[kept] = unit
        chords.bounds[0, kept] = reach(line, 0.0)
        chords.bounds[1, kept] = abs(line[0]) + abs(line[1])
        for i in range(3):
            chords.rows[i, kept] = line[i]
        met = clear_meetings(chords, kept)
        if met < 0:
            met = meetings(chain, work, stack, chords, layer, first + one, first + two, kept)
        if met >= 0:
            kept += 1
            cells += 1 + met
        elif met == UNKNOWN:
            known = False
    if end - start == 1:
        return 2
    return cells if known else -1


@inner
def clear_meetings(chords, kept):
    """Return at how many points the latest chord meets those before it; UNKNOWN if not certain."""
    rows, bounds, values, ends = chords.rows, chords.bounds, chords.values, chords.ends
    places, others = chords.places, chords.others
    p_x, p_y, q_x, q_y = ends[0, X], ends[0, Y], ends[1, X], ends[1, Y]
    far, open_, met, widest = max(ends[0, 2], ends[1, 2]), 0, 0, 0.0
    for j in range(kept):
        p = rows[0, j] * p_x + rows[1, j] * p_y + rows[2, j]
        q = rows[0, j] * q_x + rows[1, j] * q_y + rows[2, j]
        least = 4 * (bounds[0, j] + far * bounds[1, j])
        values[0, j], values[1, j] = p, q
        open_ += not ((abs(p) > least) & (abs(q) > least))
    if open_ > 0:
        return UNKNOWN
    for j in range(kept):
        p, q = values[0, j], values[1, j]
        scale, meets = 1.0 / (p - q), (p > 0.0) != (q > 0.0)
        off = abs(scale) * (bounds[0, j] + far * bounds[1, j])
        widest = max(widest, off if meets else 0.0)
        places[met], others[met] = p * scale, j
        met += meets
    # both values are more than 4 bounds from zero: see `width`
    return met if _apart(chords, met, 3 * widest + 16 * UNIT) else UNKNOWN


@inner
def _apart(chords, met, gap):
    """Tell whether all places on a chord are farther apart than `gap`."""
    places, heads, before = chords.places, chords.heads, chords.before
    parts = 8
    while parts < 4 * met:
        parts *= 2
    margin = gap * parts
    if not margin < 0.5:
        return False
    for part in range(parts + 3):
        heads[part] = -1
    for i in range(met):
        place = places[i]
        part = int(place * parts)
        within = place * parts - part
        for near in range(part + (within >= margin), part + 2 + (within > 1.0 - margin)):
            other = heads[near]
            while other >= 0:
                if not abs(places[other] - place) > gap:
                    return False
                other = before[other]
        before[i], heads[part + 1] = heads[part + 1], i
    return True


@inlined
def meetings(chain, work, stack, chords, layer, one, two, kept):
    """Return at how many points the latest chord, from edge to edge, meets those before it.

    UNKNOWN where a sign is open, REPEATED if it lies on one of those.
    """
    lines, bounds, units, ends = chords.lines, chords.bounds, chords.units, chords.ends
    places, others, line = chords.places, chords.others, chords.lines[kept]
    label, rows, labels = chain.first + units[kept], stack.vertices, stack.labels
    far, met, wide = max(ends[0, 2], ends[1, 2]), 0, 0.0
    known, repeated = True, False
    p_x, p_y, q_x, q_y = ends[0, X], ends[0, Y], ends[1, X], ends[1, Y]
    for j in range(kept):
        x, y, w = lines[j, 0], lines[j, 1], lines[j, 2]
        p, q = x * p_x + y * p_y + w, x * q_x + y * q_y + w
        bound = bounds[0, j] + far * bounds[1, j]
        if min(abs(p), abs(q)) > 4 * bound:
            if (p > 0.0) == (q > 0.0):
                continue
        else:
            at_p = side(
                chain, work, layer, units[j], lines[j], labels[one], rows[one, LX:],
                label, line, ends[0],
            )  # fmt: skip
            at_q = side(
                chain, work, layer, units[j], lines[j], labels[two], rows[two, LX:],
                label, line, ends[1],
            )  # fmt: skip
            if at_p == OPEN or at_q == OPEN:
                known = False
                continue
            if at_p == 0 and at_q == 0:
                repeated = True
                break
            if at_p * at_q >= 0:
                continue
        places[met], others[met] = p / (p - q), j
        met += 1
        wide = max(wide, width(bound, p, q))
    if not known:
        return UNKNOWN
    if repeated:
        return REPEATED
    if met > 1:
        ascending(places, others, met)
        for i in range(1, met):
            if not places[i] - places[i - 1] > 2 * wide:
                met = _distinct(chain, work, chords, layer, label, line, far, met)
                break
    return met


@inner
def width(bound, p, q):
    """Return how far the zero between p and q, each off by at most `bound`, can be off."""
    least = abs(p - q) - 2 * bound
    return 1.01 * bound / least + 4 * UNIT if least > 0.0 else np.inf


@inner
def _distinct(chain, work, chords, layer, label, line, far, met):
    """Return at how many points a chord meets the others, which are in order; or UNKNOWN."""
    lines, units, places, others = chords.lines, chords.units, chords.places, chords.others
    ends, widths, place, found, widest = chords.ends, chords.widths, chords.place, 0, 0.0
    for i in range(met):
        j = others[i]
        p = value(lines[j], ends[0, X], ends[0, Y])
        q = value(lines[j], ends[1, X], ends[1, Y])
        widths[i] = width(chords.bounds[0, j] + far * chords.bounds[1, j], p, q)
        widest = max(widest, widths[i])
    for i in range(met):
        one, fresh = others[i], True
        for other in range(i - 1, -1, -1):
            gap = places[i] - places[other]
            if gap > widths[i] + widest:
                break
            if gap > widths[i] + widths[other]:
                continue
            two = others[other]
            cross(line, lines[two], place)
            if not place[2] < np.inf:  # somewhere on the chord
                dx, dy = ends[0, X] - ends[1, X], ends[0, Y] - ends[1, Y]
                place[X], place[Y] = ends[1, X] + dx / 2, ends[1, Y] + dy / 2
                place[2] = 2 * (far + abs(dx) + abs(dy)) + TINY
            sign = side(
                chain, work, layer, units[one], lines[one], label, line,
                chain.first + units[two], lines[two], place,
            )  # fmt: skip
            if sign == OPEN:
                return UNKNOWN
            if sign == 0:
                fresh = False
                break
        found += fresh
    return found
