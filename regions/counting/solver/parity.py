"""A probabilistic lower bound: patterns that survive random parity constraints.

r random parity constraints with random right-hand sides let any one pattern through with
probability 2^-r. If fewer than 2^(r - slack) regions existed, a trial would have a survivor with
probability below 2^-slack; so many trials with survivors speak against that, with an exact
binomial p-value [1]_.

.. [1] C. P. Gomes, A. Sabharwal, B. Selman, Model counting: a new strategy for obtaining good
   bounds, AAAI 2006 (MBound); for ReLU networks T. Serra, S. Ramalingam, AAAI 2020,
   arXiv:1810.03370.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

import numpy as np
import pulp
from scipy.stats import binom

from regions.arguments import check_confidence, check_whole, is_number, is_whole
from regions.counting.effort import Effort, stoppable
from regions.counting.points import Points
from regions.counting.question import Kind, Question
from regions.counting.result import Found, Status
from regions.counting.solver.milp import bounded_frame
from regions.counting.solver.model import RESOLUTION, Model, Solver, is_infeasible, quiet_pulp, run
from regions.counting.solver.verified import Verified
from regions.errors import ArgumentError
from regions.exact.scaled import Scaled
from regions.networks import Box
from regions.randomness import Rng, generator_of

_SECONDS_PER_TRIAL = 10.0


@dataclass(frozen=True)
class Parity:
    """A lower bound on the number of activation regions of a bounded domain, at a confidence.

    The bound is 2^(r - slack) for the largest r that all trials speak for. ``details``: pvalue
    (adjusted), confidence, parities (the r that gave the bound, None if only the trivial bound 1
    holds), survived, trials, tried. The solver runs on one thread; a trial that takes it more
    than ten seconds counts as one without survivor.

    Raises
    ------
    ArgumentError, SolverError
        If a field is out of range, or the solver is missing.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> box = regions.Box.cube(2, -1, 1)
    >>> regions.count_regions(net, box, method="parity", parities=1).lower
    1
    """

    name: ClassVar[str] = "parity"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation",)

    parities: int | Sequence[int] | None = None
    """Numbers r of constraints to try, fixed before looking; with several, p-values are multiplied
    by how many there are. None: 2, 4, 8, ... up to the number of unstable units."""
    slack: float = 1.0
    trials: int = 8
    """Trials per r. All of them surviving gives p = 2^(-slack * trials)."""
    size: int = 6
    """Units per constraint, at most; small ones are easier to solve and as valid."""
    confidence: float = 0.95
    solver: Solver = "highs"
    rng: Rng = 0

    def __post_init__(self) -> None:
        check_whole(self.trials, "trials")
        check_whole(self.size, "size")
        check_confidence(self.confidence)
        if not (is_number(self.slack) and self.slack > 0):
            raise ArgumentError(f"slack is {self.slack!r}; expected a number above 0")
        if self.parities is not None:
            _given(self.parities)

    def found(self, question: Question, effort: Effort) -> Found:
        """Try; DomainError if the domain is unbounded."""
        generator = generator_of(self.rng)
        points = Points.of(question, effort)
        best: dict[str, Any] = {"pvalue": None, "parities": None, "survived": 0}
        tried: list[int] = []
        with stoppable() as stopped, quiet_pulp(), effort.bar("trials") as bar:
            frame = bounded_frame(question, self.name, effort)
            known = Verified(
                frame, Scaled(np.zeros((0, frame.dimension + 1), dtype=object)), effort
            )
            model = Model.of(frame, frame.rows, self.solver, effort)
            tried = _numbers(self.parities, len(model.binaries))
            for number in tried:
                survived = 0
                for _ in range(self.trials):
                    effort.check()
                    survived += self._survives(model, known, points, number, generator, effort)
                    bar.update()
                p = min(1.0, len(tried) * pvalue(survived, self.trials, self.slack))
                if p > 1.0 - self.confidence:
                    break
                best = {"pvalue": p, "parities": number, "survived": survived}
        details = {**best, "confidence": self.confidence, "trials": self.trials, "tried": tried}
        r = best["parities"]
        lower = 1 if r is None else max(1, ceil(2.0 ** min(r - self.slack, 1023.0)))
        if stopped.by is not None:
            return Found.cut_short(lower, stopped.by, **details)
        return Found(Status.LOWER_BOUND, lower, details=details)

    def _survives(
        self,
        model: Model,
        known: Verified,
        points: Points,
        number: int,
        generator: np.random.Generator,
        effort: Effort,
    ) -> bool:
        """Return whether some region satisfies `number` fresh parity constraints."""
        problem, units = model.problem.copy(), list(model.binaries)
        for index in range(number):
            chosen = (
                generator.choice(units, min(self.size, len(units)), replace=False) if units else []
            )
            bit = int(generator.integers(2))
            half = pulp.LpVariable(f"half{index}", 0, self.size // 2, cat=pulp.LpInteger)
            total = pulp.lpSum(model.binaries[int(unit)] for unit in chosen)
            problem += total - 2 * half == bit
        run(problem, model.solver, min(_SECONDS_PER_TRIAL, effort.left or _SECONDS_PER_TRIAL))
        gap = model.gap.varValue
        if is_infeasible(problem) or gap is None or gap <= RESOLUTION:
            return False
        pattern = model.fixed.copy()
        for unit, binary in model.binaries.items():
            pattern[unit] = (binary.varValue or 0.0) > 0.5
        if known.exact:
            return known.inner_point(pattern) is not None
        # exact programs are out of reach, but the solver's point alone can show the region
        y = np.array([variable.varValue or 0.0 for variable in model.y])
        own = known.frame.center + y @ known.frame.axes
        if isinstance(points.domain, Box):
            own = np.clip(own, points.domain.low, points.domain.high)
        at = points.pattern_at(own)
        return at is not None and bool((at == pattern).all())


def pvalue(survived: int, trials: int, slack: float) -> float:
    """Return P(Bin(trials, 2^-slack) >= survived), exactly.

    >>> pvalue(survived=8, trials=8, slack=1.0) == 2.0**-8
    True
    """
    return float(binom.sf(survived - 1, trials, 2.0**-slack))


def _numbers(parities: int | Sequence[int] | None, binaries: int) -> list[int]:
    if parities is None:
        return [2**k for k in range(1, max(binaries, 1).bit_length()) if 2**k <= binaries]
    return _given(parities)


def _given(parities: Any) -> list[int]:
    numbers = parities if isinstance(parities, (list, tuple, np.ndarray, range)) else [parities]
    if len(numbers) == 0 or not all(is_whole(number) and number >= 1 for number in numbers):
        raise ArgumentError(f"parities is {parities!r}; expected whole numbers of at least 1")
    return sorted(int(number) for number in numbers)
