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
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pulp
from scipy.stats import binom

from regions.counting.cells import halfspace_tree
from regions.counting.limits import Stopwatch, stoppable
from regions.counting.milp import RESOLUTION, Model, is_infeasible, is_region, quiet_pulp, run
from regions.counting.result import RegionCount, Status
from regions.counting.tally import only_activation
from regions.counting.walk import Tree
from regions.errors import ArgumentError, DomainError
from regions.progress import track
from regions.randomness import Rng

if TYPE_CHECKING:
    from regions.networks import Box, ReLUNetwork, Slice


def count_parity(
    net: ReLUNetwork,
    domain: Box | Slice | None,
    *,
    kind: str = "activation",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    parities: int | Sequence[int] | None = None,
    slack: float = 1.0,
    trials: int = 8,
    size: int = 6,
    confidence: float = 0.95,
    solver: str = "highs",
    solve_limit: float = 10.0,
    rng: Rng = 0,
) -> RegionCount:
    """Bound the number of activation regions from below, at a stated confidence.

    Parameters
    ----------
    net : ReLUNetwork
    domain : Box or Slice
        Bounded.
    kind, time_limit, progress
        As for `cells.count_cells`.
    n_jobs : int, optional
        Accepted like everywhere; the solver runs on one thread.
    parities : int or sequence of int, optional
        Numbers r of constraints to try, fixed before looking; with several, p-values are
        multiplied by how many there are. None: 2, 4, 8, ... up to the number of unstable units.
    slack : float
        The bound is 2^(r - slack).
    trials : int
        Trials per r. All of them surviving gives p = 2^(-slack * trials).
    size : int
        Units per constraint, at most; small ones are easier to solve and as valid.
    confidence : float
    solver : {"highs", "cbc", "gurobi"}
    solve_limit : float
        Seconds per trial; a trial that runs out of time counts as one without survivor.
    rng : int, Generator or None

    Returns
    -------
    RegionCount
        LOWER_BOUND, with probability at least `confidence`. ``details``: pvalue (adjusted),
        confidence, parities (the r that gave the bound, None if only the trivial bound 1 holds),
        survived, trials, tried.

    Raises
    ------
    DomainError
        If the domain is unbounded.
    ArgumentError, SolverError
        If an option is out of range, or the solver is missing.

    Examples
    --------
    >>> import numpy as np, regions
    >>> from regions.counting.parity import count_parity
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> count_parity(net, regions.Box.cube(2, -1, 1), parities=1).lower
    1
    """
    only_activation(kind, "parity")
    _check(slack, trials, size, confidence)
    watch, generator = Stopwatch(time_limit), np.random.default_rng(rng)
    tree = halfspace_tree(net, domain)
    if tree.frame.cone:
        raise DomainError(
            "the engine 'parity' needs a bounded domain; give a Box or a Slice in a box"
        )
    best: dict[str, Any] = {"pvalue": None, "parities": None, "survived": 0}
    tried = []
    with stoppable() as stopped:
        with quiet_pulp(), track(show=progress, label="trials") as bar:
            model = Model.of(tree, tree.frame.rows, solver, watch)
            tried = _numbers(parities, len(model.binaries))
            for number in tried:
                survived = 0
                for _ in range(trials):
                    survived += _survives(
                        model, tree, number, size, generator, _left(watch, solve_limit)
                    )
                    bar.update()
                p = min(1.0, len(tried) * pvalue(survived, trials, slack))
                if p > 1.0 - confidence:
                    break
                best = {"pvalue": p, "parities": number, "survived": survived}
    details = {**best, "confidence": confidence, "trials": trials, "tried": tried}
    lower = 1 if best["parities"] is None else max(1, ceil(2.0 ** (best["parities"] - slack)))
    known: dict[str, Any] = {"method": "parity", "domain": domain, "seconds": watch.seconds}
    if stopped.by is not None:
        return RegionCount.cut_short(lower, stopped_by=stopped.by, details=details, **known)
    return RegionCount(count=None, lower=lower, status=Status.LOWER_BOUND, details=details, **known)


def pvalue(survived: int, trials: int, slack: float) -> float:
    """Return P(Bin(trials, 2^-slack) >= survived), exactly.

    >>> pvalue(survived=8, trials=8, slack=1.0) == 2.0**-8
    True
    """
    return float(binom.sf(survived - 1, trials, 2.0**-slack))


def _check(slack: float, trials: int, size: int, confidence: float) -> None:
    for name, value in (("trials", trials), ("size", size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ArgumentError(f"{name} is {value!r}; expected a whole number of at least 1")
    if not slack > 0:
        raise ArgumentError(f"slack is {slack!r}; expected a number above 0")
    if not 0.0 < confidence < 1.0:
        raise ArgumentError(f"confidence is {confidence!r}; expected a number between 0 and 1")


def _numbers(parities: int | Sequence[int] | None, binaries: int) -> list[int]:
    if parities is None:
        return [2**k for k in range(1, max(binaries, 1).bit_length()) if 2**k <= binaries]
    numbers = [parities] if isinstance(parities, int) else sorted(parities)
    if not numbers or any(number < 1 for number in numbers):
        raise ArgumentError(f"parities is {parities!r}; expected whole numbers of at least 1")
    return list(numbers)


def _left(watch: Stopwatch, solve_limit: float) -> float:
    if watch.limit is None:
        return solve_limit
    if watch.expired():
        raise TimeoutError
    return min(solve_limit, watch.limit - watch.seconds)


def _survives(
    model: Model,
    tree: Tree,
    number: int,
    size: int,
    generator: np.random.Generator,
    seconds: float,
) -> bool:
    """Return whether some region satisfies `number` fresh parity constraints."""
    problem, units = model.problem.copy(), list(model.binaries)
    for index in range(number):
        chosen = generator.choice(units, min(size, len(units)), replace=False) if units else []
        bit = int(generator.integers(2))
        half = pulp.LpVariable(f"half{index}", 0, size // 2, cat=pulp.LpInteger)
        total = pulp.lpSum(model.binaries[int(unit)] for unit in chosen)
        problem += total - 2 * half == bit
    run(problem, model.solver, seconds)
    gap = model.gap.varValue
    if is_infeasible(problem) or gap is None or gap <= RESOLUTION:
        return False
    pattern = model.fixed.copy()
    for unit, binary in model.binaries.items():
        pattern[unit] = (binary.varValue or 0.0) > 0.5
    return is_region(tree, pattern, tree.frame.rows[:0])
