"""Cells of one map whose closures share a point inside the domain, by programs in integers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from regions.counting.effort import Effort
from regions.counting.exact.forms import Form, Forms
from regions.counting.question import Question
from regions.counting.region import Region
from regions.counting.tree.patterns import forms_on, interior
from regions.exact.program import farthest
from regions.exact.solve import value


def closed_pieces(
    question: Question,
    found: Iterable[Region],
    pieces: np.ndarray,
    names: np.ndarray,
    effort: Effort,
) -> int:
    """Return how many connected unions of closed cells with one map there are.

    Parameters
    ----------
    question : Question
    found : iterable of Region
        All of them.
    pieces : (regions,) int array
        The linear piece of each.
    names : (pieces,) int array
        The number of the map of each piece.
    """
    forms, bounds = forms_on(question)
    cells = [_closure(region, forms) for region in found]
    members = [np.flatnonzero(pieces == piece).tolist() for piece in range(len(names))]
    group = np.arange(len(names))
    for one, two in combinations(range(len(names)), 2):
        if names[one] != names[two] or group[one] == group[two]:
            continue
        pairs = ((i, j) for i in members[one] for j in members[two])
        if any(_meet(cells[i], cells[j], bounds, effort) for i, j in pairs):
            group[group == group[two]] = group[one]
    return len(np.unique(group))


def _closure(region: Region, forms: Forms) -> tuple[Form, ...]:
    """Return the forms that are not negative on a region, those of the domain left out."""
    rows = []
    for unit in np.unique(region.units[region.units >= 0]).tolist():
        form = forms.unit(unit, region.pattern)
        rows.append(form if region.pattern[unit] else tuple(-x for x in form))
    return tuple(rows)


def _meet(
    one: tuple[Form, ...],
    two: tuple[Form, ...],
    bounds: tuple[tuple[Form, ...], tuple[Form, ...]],
    effort: Effort,
) -> bool:
    """Tell whether the closures of two cells share a point of the open domain."""
    effort.check()
    strict, weak = bounds
    rows, around = tuple(dict.fromkeys(one + two)), strict + weak
    d = len(around[0]) - 1
    start = farthest(around, (0,) * d + (1,), [], effort.check)[0]
    # the least that must be added to all rows so that some point satisfies them: zero, if they meet
    most = max((-value(row, start) // start[-1] + 1 for row in rows), default=0)
    lifted = [(*row[:d], 1, row[d]) for row in rows]
    lifted += [(*row[:d], 0, row[d]) for row in around]
    lifted += [(*(0,) * d, 1, 0), (*(0,) * d, -1, max(most, 1))]
    end = farthest(lifted, (*(0,) * d, -1, 0), [], effort.check)[0]
    return end[d] == 0 and interior(rows + around, strict, effort) is not None
