"""The compiled count of the cells into which the units of one layer cut a polygon."""

from __future__ import annotations

import numpy as np

from regions.counting.plane.layer_kernel import doubt_of
from regions.counting.plane.polygon_kernel import (
    LINE,
    LX,
    TINY,
    UNIT,
    X,
    Y,
    ascending,
    chord,
    cross,
    inlined,
    inner,
)
from regions.counting.plane.sign_kernel import OPEN, clear_signs, fill, reach, side, signs_at, value


@inlined
def count_chords(chain, work, stack, layer, first, last, start, end):
    """Return the number of cells into which the units start:end of `layer` cut the polygon.

    -1 where a sign is open.
    """
    c, k, a = end - start, last - first, chain.unit_at[layer]
    if c < 2:
        return c + 1
    polygon, labels = stack.vertices[first:last], stack.labels[first:last]
    ends, units, lines = np.empty((2, LX)), np.empty(c, np.int64), np.empty((c, LINE))
    signs, places, others = np.empty(k), np.empty(c), np.empty(c, np.int64)
    bounds = np.empty((2, c))
    kept, cells, known, doubt = 0, 1, True, doubt_of(chain, work, layer)
    maps, errors, biases, slack = work.maps, work.errors, chain.biases, chain.slack
    grids, listed, vertices = chain.grids, stack.units, stack.vertices
    for u in range(start, end):
        unit, line = a + listed[u], lines[kept]
        fill(doubt, maps, errors, biases, slack, grids, unit, line)
        if not clear_signs(line, vertices, first, last, signs):
            if not signs_at(chain, work, stack, layer, unit, line, first, last, signs):
                known = False
                continue
        edges = chord(polygon, signs, k, line, ends)
        units[kept], label = unit, chain.first + unit
        bounds[0, kept], bounds[1, kept] = reach(line, 0.0), abs(line[0]) + abs(line[1])
        far, met, wide, repeated = max(ends[0, 2], ends[1, 2]), 0, 0.0, False
        p_x, p_y, q_x, q_y = ends[0, X], ends[0, Y], ends[1, X], ends[1, Y]
        for j in range(kept):
            x, y, w = lines[j, 0], lines[j, 1], lines[j, 2]
            p, q = x * p_x + y * p_y + w, x * q_x + y * q_y + w
            bound = bounds[0, j] + far * bounds[1, j]
            if min(abs(p), abs(q)) > 4 * bound:
                if (p > 0.0) == (q > 0.0):
                    continue
            else:
                one, two = edges
                at_p = side(
                    chain, work, layer, units[j], lines[j], labels[one], polygon[one, LX:],
                    label, line, ends[0],
                )  # fmt: skip
                at_q = side(
                    chain, work, layer, units[j], lines[j], labels[two], polygon[two, LX:],
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
        if repeated or not known:
            continue
        if met > 1:
            ascending(places, others, met)
            for i in range(1, met):
                if not places[i] - places[i - 1] > 2 * wide:
                    met = _distinct(
                        chain, work, layer, label, line, lines, units, bounds, ends, far,
                        places, others, met,
                    )  # fmt: skip
                    break
            if met < 0:
                known = False
                continue
        kept += 1
        cells += 1 + met
    return cells if known else -1


@inner
def width(bound, p, q):
    """Return how far the zero between p and q, each off by at most `bound`, can be off."""
    least = abs(p - q) - 2 * bound
    return 1.01 * bound / least + 4 * UNIT if least > 0.0 else np.inf


@inner
def _distinct(
    chain, work, layer, label, line, lines, units, bounds, ends, far, places, others, met
):
    """Return at how many points a chord meets the chords `others`, in order; -1 if unknown."""
    widths, place, found = np.empty(met), np.empty(LX), 0
    widest = 0.0
    for i in range(met):
        j = others[i]
        p = value(lines[j], ends[0, X], ends[0, Y])
        q = value(lines[j], ends[1, X], ends[1, Y])
        widths[i] = width(bounds[0, j] + far * bounds[1, j], p, q)
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
                return -1
            if sign == 0:
                fresh = False
                break
        found += fresh
    return found
