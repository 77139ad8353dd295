"""Exact count in dimensions 1 to 6 from vertices and edges, without linear programs.

All layers but the last cut polytopes given by their vertices; in the last layer the cells are
counted as flats (see `flats`), so most of them are never made. Whole flats and the whole input
space start from the orthants of first-layer units, with vertices at infinity. All
that numbers say is on which side of a unit a vertex lies (see `signs`).

A design note on speed: one cell costs some hundred nanoseconds here, about 20 microseconds in
`cells` (`analyses/benchmarks/counting.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from regions.counting.effort import Effort, stoppable
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.counting.tree.cells import Cells
from regions.counting.tree.doubts import InDoubtError
from regions.counting.tree.frame import frame_of
from regions.counting.tree.tally import tally
from regions.counting.tree.vertex_tree import vertex_tree


@dataclass(frozen=True)
class Vertices:
    """Exact counts in few dimensions, over bounded domains and whole flats, from vertices.

    The network may depend on at most 8 directions of the domain (3 to 6 are what the engine is
    for). Which facets a vertex lies on, and on which side of every unit, is certified by bounds of
    the rounding errors or settled in integers. Two kinds of networks are handed over to `cells`,
    and ``details["handed_over"]`` says why: those too large for exact arithmetic, if something is
    in doubt, and whole flats on which the first layer's units do not meet in a point.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(3), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))])
    >>> regions.count_regions(net, regions.Box.cube(3, -1, 1), method="vertices").count
    8
    """

    name: ClassVar[str] = "vertices"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation", "linear")

    def found(self, question: Question, effort: Effort) -> Found:
        """Count; DomainError if the domain is half open or of too many dimensions."""
        if question.kind == "linear":
            return Cells().found(question, effort)
        try:
            with stoppable() as stopped:
                frame = frame_of(question.net, question.domain, effort.check)
                return tally(*vertex_tree(frame, effort), effort)
        except InDoubtError as doubt:
            known = Cells().found(question, effort)
            return replace(known, details={**known.details, "handed_over": str(doubt)})
        return Found.cut_short(1, stopped.by or "time")  # on the way to the root: it is not empty
