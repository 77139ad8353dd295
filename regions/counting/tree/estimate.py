"""An unbiased estimate of the number of regions from random walks down the tree of cells.

A walk takes one side of every unit that cuts its cell, and is worth 1 over the probability of its
choices: on average, the number of leaves [1]_. Three things tame the variance: the units that come
first are followed exactly (strata), those that come last are counted exactly below the cell that a
walk has reached, and in between sides are taken in proportion to how far the cell extends on them
(importance).

.. [1] D. E. Knuth, Estimating the efficiency of backtrack programs, Math. Comp. 29 (1975) 121-136.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.stats import t as student

from regions.arguments import check_confidence, check_whole
from regions.counting.effort import Effort, stoppable
from regions.counting.question import Kind, Question
from regions.counting.result import Found, Status
from regions.counting.tree.frame import frame_of
from regions.counting.tree.halfspace_cells import HalfspaceCells
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.tally import in_parallel
from regions.counting.tree.walk import Batch, Tree
from regions.counting.undecided import Undecided
from regions.errors import OutOfTime
from regions.randomness import Rng, generator_of

_AT_ONCE = 256
_PILOT = 4
_FEWEST_WALKS = 100
_LARGEST_SHARE = 0.1
_LARGEST_ERROR = 0.35


@dataclass(frozen=True)
class Estimate:
    """An unbiased estimate of the number of activation regions, from random walks.

    ``details``: estimate (float), standard_error, confidence, walks, strata, largest_share (of the
    estimate, by one walk), supported (whether there is an interval); doubtful and resolution, if
    decisions had to be left to float64. `lower` and `upper` are an
    interval on the log scale. If one walk carries over a tenth of the estimate, the relative error
    is above .35 or there are under 100 walks, no interval is stated: `upper` is None and `lower`
    the number of strata, each of which holds a region.

    Raises
    ------
    ArgumentError
        If a field is out of range.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> regions.count_regions(net, regions.Box.cube(2, -1, 1), method="estimate", walks=200).count
    4
    """

    name: ClassVar[str] = "estimate"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation",)

    walks: int = 4000
    """Walks in all; about a fifth of them only settle how many each stratum gets."""
    strata: int = 256
    """Cells into which the first units cut the domain, each estimated on its own; 1 for none."""
    leaves: int = 512
    """A walk ends where the units left cannot cut its cell into more than so many regions; these
    are counted exactly. 1 walks to the end."""
    confidence: float = 0.95
    rng: Rng = 0

    def __post_init__(self) -> None:
        for name in ("walks", "strata", "leaves"):
            check_whole(getattr(self, name), name)
        check_confidence(self.confidence)

    def found(self, question: Question, effort: Effort) -> Found:
        """Walk, and estimate; None (the whole input space) is allowed as a domain."""
        generator, exact = generator_of(self.rng), self.leaves > 1
        with stoppable() as stopped:
            frame = frame_of(question.net, question.domain, effort.check)
            tree, root = halfspace_tree(frame, self.strata, self.leaves, effort)
            top = _strata(tree, root, self.strata)
        if stopped.by is not None:
            return Found.cut_short(1, stopped.by, walks=0, strata=0)
        collected = _Weights(len(top))
        with stoppable() as stopped, effort.bar("walks", total=self.walks) as bar:
            per = max(2, min(_PILOT, self.walks // (5 * len(top))))
            pilot, counts = _Weights(len(top)), np.full(len(top), per)
            for found in _walked(tree, top, counts, generator, exact, effort):
                pilot.add(*found)
                bar.update(len(found[0]))
            counts = pilot.allocation(max(self.walks - per * len(top), 2 * len(top)))
            for found in _walked(tree, top, counts, generator, exact, effort):
                collected.add(*found)
                bar.update(len(found[0]))
        if stopped.by is not None:
            details = {"walks": collected.total, "strata": len(top)}
            return Found.counted(len(top), tree.undecided, stopped.by, **details)
        return _result(collected, self.confidence, tree.undecided)


class _Weights:
    """The walks' weights, by stratum."""

    def __init__(self, strata: int):
        self.values: list[list[float]] = [[] for _ in range(strata)]

    def add(self, strata: np.ndarray, weights: np.ndarray) -> None:
        for stratum, weight in zip(strata, weights, strict=True):
            self.values[stratum].append(weight)

    @property
    def total(self) -> int:
        return sum(map(len, self.values))

    def allocation(self, walks: int) -> np.ndarray:
        """Return walks per stratum: two, and the rest by spread (Neyman), means as a safeguard."""
        spread = np.array([np.std(values, ddof=1) for values in self.values])
        spread += 0.25 * np.array([np.mean(values) for values in self.values])
        rest = walks - 2 * len(spread)
        return 2 + np.floor(rest * spread / spread.sum()).astype(int)


def _result(weights: _Weights, confidence: float, left: Undecided) -> Found:
    means = np.array([np.mean(values) for values in weights.values])
    sizes = np.array([len(values) for values in weights.values])
    parts = np.array([np.var(values, ddof=1) for values in weights.values]) / sizes
    estimate, error = float(means.sum()), float(np.sqrt(parts.sum()))
    share = max(max(values) / len(values) for values in weights.values) / estimate
    supported = error == 0.0 or (
        weights.total >= _FEWEST_WALKS
        and share <= _LARGEST_SHARE
        and error <= _LARGEST_ERROR * estimate
    )
    details = {
        "estimate": estimate,
        "standard_error": error,
        "confidence": confidence,
        "walks": weights.total,
        "strata": len(means),
        "largest_share": share,
        "supported": supported,
        **left.details(),
    }
    lower, upper = 1 if left.number else len(means), None
    if supported:
        freedom = parts.sum() ** 2 / (parts**2 / (sizes - 1)).sum() if error else 1.0
        reach = student.ppf(0.5 + confidence / 2, freedom) * error / estimate
        lower = max(lower, int(np.floor(estimate * np.exp(-reach) + 1e-9)))
        upper = int(np.ceil(estimate * np.exp(reach) - 1e-9))
    return Found(Status.ESTIMATE, lower, round(estimate), upper, details)


def _strata(tree: Tree, root: Batch, strata: int) -> Batch:
    """Return the cells that the first stage cuts out of the domain, as one batch."""
    if strata == 1 or not tree.stages:
        return root
    parts = list(tree.children(root))
    return Batch(
        stage=1,
        cells=HalfspaceCells.joined([part.cells for part in parts]),
        active=np.vstack([part.active for part in parts]),
    )


def _walked(
    tree: Tree,
    top: Batch,
    counts: np.ndarray,
    generator: np.random.Generator,
    exact: bool,
    effort: Effort,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (strata, weights) of ``counts[s]`` walks from every stratum s."""
    strata = np.repeat(np.arange(len(top)), counts)
    seeds = generator.spawn(-(-len(strata) // _AT_ONCE))
    pieces: list[Any] = [
        (
            _repeated(top, strata[start : start + _AT_ONCE]),
            strata[start : start + _AT_ONCE],
            seed,
            exact,
        )
        for start, seed in zip(range(0, len(strata), _AT_ONCE), seeds, strict=True)
    ]
    if effort.workers > 1:
        found = in_parallel(_walk_piece, tree, pieces, effort)
    else:
        found = (_walk_piece(piece, effort, tree) for piece in pieces)
    for chosen, weights, left in found:
        if weights is None:
            raise OutOfTime
        tree.undecided.add(left)
        yield chosen, weights


def _walk_piece(piece: Any, effort: Effort, tree: Tree):
    """Walk every cell of a batch to a leaf; return strata, weights, and what was undecided."""
    batch, strata, generator, exact = piece
    tree = tree.apart()
    if effort.expired():
        return strata, None, tree.undecided
    log2 = np.zeros(len(batch))
    everyone = np.arange(len(batch))
    geometry: Any = tree.geometry
    for number in range(batch.stage, len(tree.stages)):
        stage = tree.stages[number]
        forms, states = tree.forms(batch)
        if number == len(tree.stages) - 1 and exact:
            weights = np.exp2(log2) * geometry.count_each(batch.cells, forms)
            return strata, weights, tree.undecided
        draws = generator.random((len(batch), len(stage.units)))
        signs, cells, more = geometry.descend(batch.cells, forms, draws)
        log2 += more
        active = batch.active.copy()
        active[:, stage.hidden] = signs
        batch = Batch(number + 1, cells, active, *tree.after(stage, states, active, everyone))
    return strata, np.exp2(log2), tree.undecided


def _repeated(batch: Batch, index: np.ndarray) -> Batch:
    """Return the cells at `index` (repeats allowed), without their states."""
    taken = batch.cells.take(index)
    return replace(batch, cells=taken, active=batch.active[index], state=None, errors=None)
