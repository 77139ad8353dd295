"""Exact count in any dimension: depth first over units, a witness point and small linear programs.

Needs nothing but an interior point per cell [1]_, so it works on boxes, slices and the whole input
space, and on degenerate networks (central, parallel or duplicate hyperplanes, constant units).

.. [1] M. Rada and M. Cerny, A new algorithm for enumeration of cells of hyperplane arrangements
   and a comparison with Avis and Fukuda's reverse search, SIAM J. Discrete Math. 32 (2018),
   doi:10.1137/15M1027930, for one arrangement; here cut layer by layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

from regions.counting.effort import Effort, stoppable
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.counting.tree.frame import frame_of
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.linear import count_merged
from regions.counting.tree.patterns import count_patterns
from regions.counting.tree.tally import tally, tally_patterns
from regions.networks.pieces import Pieces


@dataclass(frozen=True)
class Cells:
    """Exact counts in any dimension, over any domain, without more than an interior point per cell.

    Every unit cuts every cell it crosses: the side of the cell's witness point is there for free,
    one small linear program decides on the other, at most (units) x (regions) programs in all. In
    the last layer cells are counted through sections of hyperplanes (see `flat_kernel`). Workers
    share the subtrees. Kinds "pattern" and "closed" take linear programs in integers, for small
    networks; for kind="convex" there are bounds.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> regions.count_regions(net, None, method="cells").count
    4
    """

    name: ClassVar[str] = "cells"
    kinds: ClassVar[tuple[Kind, ...]] = get_args(Kind)

    def found(self, question: Question, effort: Effort) -> Found:
        """Count; DomainError if the domain is empty."""
        if question.kind == "pattern":
            return count_patterns(question, effort)
        if question.kind != "activation":
            return count_merged(question, effort)
        with stoppable() as stopped:
            frame = frame_of(question.net, question.domain, effort.check)
            tree, root = halfspace_tree(frame, effort=effort)
            pieces = Pieces(question.net.graph)
            if pieces.maxima:
                return tally_patterns(tree, root, effort, pieces)
            return tally(tree, root, effort)
        return Found.cut_short(1, stopped.by or "time")  # on the way to the root: it is not empty
