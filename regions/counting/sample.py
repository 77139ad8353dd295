"""A lower bound from distinct activation patterns, and how far from complete it looks."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from regions.arguments import check_whole
from regions.counting.effort import Effort, stoppable
from regions.counting.points import Points
from regions.counting.question import Kind, Question
from regions.counting.result import Found, Status
from regions.randomness import Rng, generator_of

_NEW_MASS = 0.2


class SaturationWarning(UserWarning):
    """The sample is too small for the number of regions: its count mostly reflects its size."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Distinct activation patterns among points: a lower bound on the number of regions.

    ``details`` holds drawn, distinct, singletons (patterns seen once), doubletons,
    new_mass = singletons / drawn (Good-Turing: the chance that one more point shows a new region),
    saturated, and chao1, a lower-bound type estimate of the total [1]_, badly biased where many
    regions are small. A SaturationWarning is given if new_mass is above 0.2: the bound then says
    more about the sample than about the network.

    References
    ----------
    .. [1] A. Chao, Nonparametric estimation of the number of classes in a population,
       Scand. J. Statist. 11 (1984) 265-270.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> regions.count_regions(net, regions.Box.cube(2, -1, 1), method="sample", samples=100).lower
    4
    """

    name: ClassVar[str] = "sample"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation",)

    samples: int = 10_000
    """Points to draw: uniformly from a box or segment, by hit-and-run from other slices."""
    points: Any = None
    """Inputs to use instead, (m, n0) or (m, *input_shape), all within the domain. A point on a
    boundary between regions is first moved a little, so that it counts for a region; one that
    stays on some boundary is dropped."""
    rng: Rng = 0

    def __post_init__(self) -> None:
        check_whole(self.samples, "samples")

    def found(self, question: Question, effort: Effort) -> Found:
        """Draw and count; DomainError if points are to be drawn from an unbounded domain."""
        generator, seen = generator_of(self.rng), Counter()
        points = Points.of(question, effort)
        given = None if self.points is None else points.given(self.points)
        total, size = self.samples if given is None else len(given), points.at_once
        blas, bar = effort.blas_threads(question.net), effort.bar("points", total=total)
        with stoppable() as stopped, blas, bar:
            batches = points.drawn(self.samples, generator)
            if given is not None:
                batches = (given[at : at + size] for at in range(0, total, size))
            for batch in batches:
                seen.update(points.patterns(batch, generator))
                bar.update(len(batch))
                effort.check()
        return _result(seen, stopped.by)


def chao1(singletons: int, doubletons: int, distinct: int) -> float:
    """Return Chao's lower-bound type estimate of the number of classes.

    >>> chao1(singletons=10, doubletons=5, distinct=20)
    30.0
    """
    if doubletons:
        return distinct + singletons**2 / (2 * doubletons)
    return distinct + singletons * (singletons - 1) / 2


def _result(seen: Counter, stopped_by: str | None) -> Found:
    frequencies = Counter(seen.values())
    drawn, distinct, singletons = sum(seen.values()), len(seen), frequencies[1]
    new_mass = singletons / drawn if drawn else 1.0
    details = {
        "drawn": drawn,
        "distinct": distinct,
        "singletons": singletons,
        "doubletons": frequencies[2],
        "new_mass": new_mass,
        "saturated": new_mass > _NEW_MASS,
        "chao1": chao1(singletons, frequencies[2], distinct),
    }
    if drawn and details["saturated"]:
        warnings.warn(
            f"{singletons} of {drawn} points lie in a region of their own: the count {distinct} is "
            "far below the number of regions; draw more points, or use method='estimate'",
            SaturationWarning,
            stacklevel=4,
        )
    if stopped_by is not None:
        return Found.cut_short(max(distinct, 1), stopped_by, **details)
    return Found(Status.LOWER_BOUND, max(distinct, 1), details=details)
