"""Counts the cells of a tree, on one core or over independent subtrees through joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.counting.effort import Effort, stoppable
from regions.counting.result import Found
from regions.counting.tree.walk import Batch, Tree
from regions.counting.undecided import Undecided
from regions.errors import OutOfTime
from regions.networks.pieces import Pieces

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork

_PIECES_PER_JOB = 16


def tally(tree: Tree, root: Batch, effort: Effort) -> Found:
    """Count all cells below `root`; cut short by time, Ctrl-C or lack of memory."""
    found = 0
    with stoppable() as stopped:
        with effort.bar("regions") as bar:
            for more in _found(tree, root, effort):
                found += more
                bar.update(more)
    return Found.counted(found, tree.undecided, stopped.by)


def tally_patterns(tree: Tree, root: Batch, effort: Effort, pieces: Pieces) -> Found:
    """Count the patterns of all cells below `root`, where maxima have switches that cut regions."""
    seen: set[bytes] = set()
    with stoppable() as stopped:
        with effort.bar("regions") as bar:
            for more in _found_patterns(tree, root, effort, pieces):
                bar.update(len(more - seen))
                seen |= more
    return Found.counted(len(seen), tree.undecided, stopped.by)


def _found_patterns(
    tree: Tree, root: Batch, effort: Effort, pieces: Pieces
) -> Iterator[set[bytes]]:
    """Yield names of patterns as they are found; raise OutOfTime when time is up."""
    if effort.workers == 1:
        for batch in tree.leaves(root):
            yield set(pieces.names(batch.active))
            effort.check()
        return
    with effort.shared() as told:
        yield from by_workers(partial(_name_piece, pieces), tree, root, told)


def _name_piece(
    pieces: Pieces, piece: Batch, effort: Effort, tree: Tree
) -> tuple[set[bytes], bool, Undecided]:
    """Return the patterns below a piece, whether these are all, and what was undecided."""
    tree, found = tree.apart(), set[bytes]()
    try:
        for batch in tree.leaves(piece):
            effort.check()
            found.update(pieces.names(batch.active))
    except OutOfTime:
        return found, False, tree.undecided
    return found, True, tree.undecided


def _found(tree: Tree, root: Batch, effort: Effort) -> Iterator[int]:
    """Yield numbers of cells as they are found; raise OutOfTime when time is up."""
    if effort.workers == 1:
        for more in tree.counts(root):
            yield more
            effort.check()
        return
    with effort.shared() as told:
        yield from by_workers(_count_piece, tree, root, told)


def by_workers(work: Callable, tree: Tree, root: Batch, effort: Effort) -> Iterator[Any]:
    """Yield what workers find below pieces of a tree; raise OutOfTime if that is not all.

    ``work(piece, effort, tree)`` gives what it found, whether that is all, and what it had to leave
    undecided.
    """
    tree, pieces = pieces_of(tree, root, effort.workers * _PIECES_PER_JOB)
    complete = True
    for more, finished, left in in_parallel(work, tree, pieces, effort):
        tree.undecided.add(left)
        yield more
        complete = complete and finished
    if not complete:
        raise OutOfTime("time_limit is over before all regions were found")


def head_units(net: ReLUNetwork, dimension: int, wanted: int) -> np.ndarray:
    """Return so many first-layer units that they alone can cut the domain into `wanted` cells."""
    size, number = net.relu_layers[0].size, 1
    while number < size and largest_count(number, dimension) < wanted:
        number += 1
    return np.arange(number)


def largest_count(hyperplanes: int, dimension: int) -> int:
    """Return the largest number of cells that so many hyperplanes can cut out of a cell."""
    return sum(comb(hyperplanes, j) for j in range(dimension + 1))


def pieces_of(tree: Tree, root: Batch, wanted: int) -> tuple[Tree, list[Batch]]:
    """Return a tree and independent subtrees of it, `wanted` or more where it has so many.

    Its stages are shortened: what is walked here, before any worker starts, is a few dozen cells.
    """
    frontier, cells = [root], len(root)
    while cells < wanted and frontier[0].stage < len(tree.stages):
        tree = _shortened(tree, frontier[0].stage, -(-wanted // cells))
        children = (child for batch in frontier for child in tree.children(batch))
        frontier = [child for child in children if len(child)]
        cells = sum(map(len, frontier))
    size = max(1, cells // wanted)
    return tree, [piece for batch in frontier for piece in tree.resized(batch, size)]


def _shortened(tree: Tree, at: int, children: int) -> Tree:
    """Return the tree with so few units in stage `at` that a cell has `children` at the most."""
    stage, number = tree.stages[at], 1
    while number < len(stage.units) and largest_count(number, tree.frame.dimension) < children:
        number += 1
    if number >= len(stage.units):
        return tree
    first = replace(stage, units=stage.units[:number], last=False)
    rest = replace(stage, units=stage.units[number:])
    return replace(tree, stages=(*tree.stages[:at], first, rest, *tree.stages[at + 1 :]))


def in_parallel(work: Callable, tree: Tree, pieces: list[Any], effort: Effort) -> Iterator[Any]:
    """Yield ``work(piece, effort, tree)`` for every piece, in any order.

    The backend is the user's (`joblib.parallel_config`).
    """
    tasks = [(number, (piece, effort)) for number, piece in enumerate(pieces)]
    with closing(effort.results_of(work, tasks, (tree,))) as results:
        for _, result in results:
            yield result


def _count_piece(piece: Batch, effort: Effort, tree: Tree) -> tuple[int, bool, Undecided]:
    """Return how many cells were found below `piece`, whether all, and what was undecided."""
    tree, total, finished = tree.apart(), 0, True
    try:
        effort.check()
        for more in tree.counts(piece):
            total += more
            effort.check()
    except OutOfTime:
        finished = False
    return total, finished, tree.undecided
