"""Counts the cells of a tree, on one core or over independent subtrees through joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import comb
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError

from regions.counting.effort import Effort, stoppable
from regions.counting.result import Found
from regions.counting.tree.walk import Batch, Tree
from regions.counting.undecided import Undecided
from regions.workers import results_of

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork

PIECES_PER_JOB = 64
_ATTEMPTS = 3


def tally(tree: Tree, root: Batch, effort: Effort) -> Found:
    """Count all cells below `root`; cut short by time, Ctrl-C or lack of memory."""
    found = 0
    with stoppable() as stopped:
        with effort.bar("regions") as bar:
            for more in _found(tree, root, effort):
                found += more
                bar.update(more)
    return Found.counted(found, tree.undecided, stopped.by)


def _found(tree: Tree, root: Batch, effort: Effort) -> Iterator[int]:
    """Yield numbers of cells as they are found; raise TimeoutError when time is up."""
    if effort.workers == 1:
        for more in tree.counts(root):
            yield more
            effort.check()
        return
    tree, pieces = pieces_of(tree, root, effort.workers * PIECES_PER_JOB)
    complete = True
    for more, finished, left in in_parallel(_count_piece, tree, pieces, effort):
        tree.undecided.add(left)
        yield more
        complete = complete and finished
    if not complete:
        raise TimeoutError


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
        frontier = [child for batch in frontier for child in tree.children(batch)]
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
    """Yield ``work(tree, piece, effort)`` for every piece, in any order.

    Pieces whose worker was killed are done again; the backend is the user's
    (`joblib.parallel_config`).
    """
    left = dict(enumerate(pieces))
    for attempt in range(_ATTEMPTS):
        tasks = (
            joblib.delayed(_named)(work, i, tree, piece, effort) for i, piece in list(left.items())
        )
        try:
            run = joblib.Parallel(n_jobs=effort.n_jobs, return_as="generator_unordered")
            with results_of(run(tasks)) as results:
                for index, result in results:
                    del left[index]
                    yield result
            return
        except TerminatedWorkerError:
            if attempt == _ATTEMPTS - 1:
                raise


def _named(work: Callable, index: int, *arguments: Any) -> tuple[int, Any]:
    return index, work(*arguments)


def _count_piece(tree: Tree, piece: Batch, effort: Effort) -> tuple[int, bool, Undecided]:
    """Return how many cells were found below `piece`, whether all, and what was undecided."""
    tree, total, finished = tree.apart(), 0, True
    try:
        effort.check()
        for more in tree.counts(piece):
            total += more
            effort.check()
    except TimeoutError:
        finished = False
    return total, finished, tree.undecided
