"""Exact count by mixed-integer programs: the papers' model, with any solver that PuLP drives.

One binary z per unstable unit; the solver looks for the pattern whose units are farthest from
their switch, the pattern is counted and cut off, and so on until none is left [1]_ [2]_. It is for
cross-checks, for constraints of one's own on the input, and for comparison with the papers.

.. [1] T. Serra, C. Tjandraatmadja, S. Ramalingam, Bounding and counting linear regions of deep
   neural networks, ICML 2018, arXiv:1711.02114.
.. [2] J. Cai et al., Getting away with more network pruning: from sparsity to geometry and linear
   regions, CPAIOR 2023, arXiv:2301.07966.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pulp
from scipy.optimize import linprog

from regions.counting.effort import Effort, stoppable
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.walk import Batch, Tree
from regions.errors import ArgumentError, DomainError, SolverError

Solver = Literal["highs", "cbc", "gurobi"]
_SOLVERS = {"highs": "HiGHS", "cbc": "PULP_CBC_CMD", "gurobi": "GUROBI"}
RESOLUTION = 1e-7
_INTERIOR = 1e-9


@dataclass(frozen=True, eq=False)
class Milp:
    """Exact counts on bounded domains by one mixed-integer program per activation region.

    The solver runs on one thread, whatever the number of workers. EXACT only if the solver proved
    that no pattern is left; a SolverError if it is missing, or stops for another reason than its
    time limit.

    Notes
    -----
    Preactivations are divided by their largest value on the domain (interval, then linear
    programming bounds); units whose sign is certain are fixed. A first pass demands a distance of
    1e-7 from zero on both sides; a second one admits inactive units that are zero all over a
    region, and checks each pattern by a linear program. Regions thinner than some 1e-6 of the
    domain are below the solvers' tolerances and can be missed; `cells` counts them. Optimality is
    read from PuLP's ``sol_status``: its ``status`` says "Optimal" even when time ran out.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> regions.count_regions(net, regions.Box.cube(2, -1, 1), method="milp").count
    4
    """

    name: ClassVar[str] = "milp"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation",)

    solver: Solver = "highs"
    constraints: tuple[Any, Any] | None = None
    """(A, b): counts only regions that meet the inside of ``A @ x <= b`` as well; A is (m, n0)."""

    def found(self, question: Question, effort: Effort) -> Found:
        """Count; DomainError if the domain is unbounded."""
        tree = halfspace_tree(question.net, question.domain)
        if tree.frame.cone:
            raise DomainError(
                "the engine 'milp' needs a bounded domain (its constants bound every "
                "preactivation); give a Box or a Slice in a box, or use method='cells'"
            )
        rows = np.vstack([tree.frame.rows, _own_rows(tree, self.constraints)])
        found = 0
        with stoppable() as stopped, quiet_pulp(), effort.bar("regions") as bar:
            model = Model.of(tree, rows, self.solver, effort)
            for strict in (True, False):
                while (pattern := model.next_pattern(strict, effort)) is not None:
                    if is_region(tree, pattern, rows):
                        found += 1
                        bar.update()
        if stopped.by is None:
            return Found.exact(found, solver=self.solver)
        return Found.cut_short(max(found, 1), stopped.by, solver=self.solver)


@contextmanager
def quiet_pulp() -> Iterator[None]:
    """Silence PuLP's notes on its version 4, which older versions cannot follow."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*PuLP 4", category=DeprecationWarning)
        yield


def solver_of(name: str, seconds: float | None = None) -> Any:
    """Return PuLP's solver `name`, silent and on one thread; SolverError if it is missing."""
    if name not in _SOLVERS:
        raise ArgumentError(f"solver is {name!r}; expected one of {', '.join(_SOLVERS)}")
    options: dict[str, Any] = {"msg": False, "timeLimit": seconds}
    if name == "highs":
        options |= {"threads": 1, "mip_feasibility_tolerance": 1e-9}
        options |= {"primal_feasibility_tolerance": 1e-9, "mip_rel_gap": 0.0}
    if name == "cbc":
        options |= {"threads": 1, "gapRel": 0.0}
    found = getattr(pulp, _SOLVERS[name])(**options)
    available = found.available()
    if not available:
        raise SolverError(
            f"the solver {name!r} is not installed; use solver='highs', which comes with this "
            "package, or install it (gurobi: pip install 'relu-regions[gurobi]')"
        )
    return found


def is_region(tree: Tree, pattern: np.ndarray, extra: np.ndarray) -> bool:
    """Return whether `pattern` is that of a full-dimensional region, by one linear program."""
    frame, halfspaces = tree.frame, [extra]
    for stage in tree.stages:
        known = pattern.copy()
        known[stage.first :] = False
        forms, _ = tree.forms(Batch(stage.layer, None, known[None]))
        slopes, offsets = forms[0, :-1].T, forms[0, -1]
        norms, signs = np.linalg.norm(slopes, axis=1), np.where(pattern[stage.hidden], 1.0, -1.0)
        flat = norms <= stage.noise
        if ((offsets > stage.noise) != pattern[stage.hidden])[flat].any():
            return False
        rows = np.column_stack([slopes, offsets]) / np.where(flat, 1.0, norms)[:, None]
        halfspaces.append((signs[:, None] * rows)[~flat])
    table = np.vstack(halfspaces)
    d = frame.dimension
    bounds = [*zip(frame.low, frame.high, strict=True), (0.0, 1.0)]
    found = linprog(
        -np.eye(d + 1)[d],
        np.column_stack([-table[:, :d], np.ones(len(table))]),
        table[:, d],
        bounds=bounds,
        method="highs",
    )
    return found.status == 0 and -found.fun > _INTERIOR


@dataclass
class Model:
    """The mixed-integer model of a network over a bounded domain."""

    problem: pulp.LpProblem
    gap: pulp.LpVariable
    strict: list[str]
    binaries: dict[int, pulp.LpVariable]
    fixed: np.ndarray
    solver: str
    relaxed: bool = False

    @classmethod
    def of(cls, tree: Tree, rows: np.ndarray, solver: str, effort: Effort) -> Model:
        """Build the model layer by layer, with bounds on every preactivation."""
        return _Builder(tree, rows, solver, effort).model()

    def next_pattern(self, strict: bool, effort: Effort) -> np.ndarray | None:
        """Return a pattern not seen before and cut it off, or None if there is none."""
        if not strict and not self.relaxed:
            # second pass: inactive units may be zero
            for name in self.strict:
                del self.problem.constraints[name]
            self.relaxed = True
        values = self.solve(effort)
        if values is None:
            return None
        pattern = self.fixed.copy()
        for unit, binary in self.binaries.items():
            pattern[unit] = values[binary.name] > 0.5
        self.exclude(pattern)
        return pattern

    def exclude(self, pattern: np.ndarray) -> None:
        """Cut off `pattern`: at least one binary must differ."""
        terms = [1 - z if pattern[unit] else z for unit, z in self.binaries.items()]
        self.problem += pulp.lpSum(terms) >= 1

    def solve(self, effort: Effort) -> dict[str, Any] | None:
        """Solve; return the values, or None if no pattern with a positive gap is left."""
        run(self.problem, self.solver, effort.left)
        if is_infeasible(self.problem):
            return None
        gap = self.gap.varValue
        if gap is not None and gap > RESOLUTION:
            return {variable.name: variable.varValue for variable in self.problem.variables()}
        if self.problem.sol_status == pulp.LpSolutionOptimal:
            return None
        raise TimeoutError


def run(problem: pulp.LpProblem, solver: str, seconds: float | None = None) -> None:
    """Solve `problem`; raise SolverError unless it ended by a proof or by the time limit."""
    problem.solve(solver_of(solver, seconds))
    proved = problem.sol_status == pulp.LpSolutionOptimal or is_infeasible(problem)
    if not proved and seconds is None:
        status = pulp.LpSolution[problem.sol_status]
        raise SolverError(f"the solver {solver!r} stopped without a proof: {status}")


def is_infeasible(problem: pulp.LpProblem) -> bool:
    """Tell whether the solver proved that `problem` has no solution."""
    # CBC reports the proof in `status` alone
    return pulp.LpSolutionInfeasible == problem.sol_status or (
        problem.status == pulp.LpStatusInfeasible
    )


class _Builder:
    """Adds units layer by layer."""

    def __init__(self, tree: Tree, rows: np.ndarray, solver: str, effort: Effort):
        self.tree, self.solver, self.effort = tree, solver, effort
        self.problem = pulp.LpProblem("regions", pulp.LpMaximize)
        self.gap = pulp.LpVariable("gap", 0.0, 1.0)
        self.strict: list[str] = []
        self.binaries: dict[int, pulp.LpVariable] = {}
        self.fixed = np.zeros(tree.hidden, dtype=bool)
        frame = tree.frame
        self.y = [
            pulp.LpVariable(f"y{k}", frame.low[k], frame.high[k]) for k in range(frame.dimension)
        ]
        for row in rows:
            self.problem += pulp.lpDot(row[:-1], self.y) + float(row[-1]) >= self.gap

    def model(self) -> Model:
        self.problem.setObjective(self.gap)
        columns = self.tree.frame.columns
        values = [
            self._affine(columns[:-1, k], self.y, columns[-1, k]) for k in range(columns.shape[1])
        ]
        frame = self.tree.frame
        ranges = np.abs(columns[:-1]).T @ np.maximum(np.abs(frame.low), np.abs(frame.high))
        low, high = columns[-1] - ranges, columns[-1] + ranges
        first = 0
        for index, layer in enumerate(self.tree.net.layers()[:-1]):
            matrix = layer.matrix.toarray()
            positive, negative = np.maximum(matrix, 0), np.minimum(matrix, 0)
            below = positive @ low + negative @ high + layer.bias
            above = positive @ high + negative @ low + layer.bias
            forms = [
                self._affine(row, values, shift)
                for row, shift in zip(matrix, layer.bias, strict=True)
            ]
            values, low, high = list(forms), below.copy(), above.copy()
            for unit in range(layer.units):
                noise = self.tree.frame.noise[index][unit]
                bounds = self._tightened(forms[unit], below[unit], above[unit], noise)
                values[unit], low[unit], high[unit] = self._unit(
                    first + unit, forms[unit], bounds, layer.slope, noise
                )
            first += layer.units
        return Model(self.problem, self.gap, self.strict, self.binaries, self.fixed, self.solver)

    def _affine(self, row: np.ndarray, values: list, shift: float) -> pulp.LpAffineExpression:
        live = np.flatnonzero(row)
        terms = (float(row[k]) * values[k] for k in live)
        return pulp.lpSum(terms) + float(shift)

    def _tightened(self, form: Any, low: float, high: float, noise: float) -> tuple[float, float]:
        """Return linear programming bounds where interval bounds leave the sign open."""
        if low >= -noise or high <= noise:
            return low, high
        relaxed, bounds = self.problem.copy(), [low, high]
        for side, sense in ((0, pulp.LpMinimize), (1, pulp.LpMaximize)):
            relaxed.sense = sense
            relaxed.setObjective(form)
            relaxed.solve(_relaxation(self.solver))
            if relaxed.sol_status == pulp.LpSolutionOptimal:
                value = float(pulp.value(relaxed.objective))  # type: ignore[arg-type]
                margin = 1e-7 * (abs(low) + abs(high))
                bounds[side] = max(low, value - margin) if side == 0 else min(high, value + margin)
            self.effort.check()
        return bounds[0], bounds[1]

    def _unit(self, number: int, form: Any, bounds: tuple, slope: float, noise: float):
        """Add one unit; return its output and the output's bounds."""
        low, high = bounds
        if low > noise:
            self.fixed[number] = True
            return form, low, high
        if high <= noise:
            return slope * form, slope * low, slope * high
        low = min(low, 0.0)  # where it is not negative, it may yet be zero all over a region
        z = pulp.LpVariable(f"z{number}", cat=pulp.LpBinary)
        positive = pulp.LpVariable(f"h{number}", 0.0, high)
        scale = 1.0 / max(-low, high)
        self.binaries[number] = z
        self.problem += positive >= form
        self.problem += positive <= form - low * (1 - z)
        self.problem += positive <= high * z
        self.problem += self.gap <= scale * form + 2 * (1 - z)
        inactive = self.gap <= -scale * form + 2 * z
        self.problem += inactive, f"inactive{number}"
        self.strict.append(f"inactive{number}")
        output = slope * form + (1 - slope) * positive
        return output, slope * low, high


def _relaxation(solver: str) -> Any:
    found = solver_of(solver)
    found.mip = False
    return found


def _own_rows(tree: Tree, constraints: tuple[Any, Any] | None) -> np.ndarray:
    """Return the user's constraints as unit-norm rows in the frame's coordinates."""
    d = tree.frame.dimension
    if constraints is None:
        return np.zeros((0, d + 1))
    table, limits = (np.asarray(part, dtype=np.float64) for part in constraints)
    n0 = tree.net.input_size
    if table.shape != (len(limits), n0) or not np.isfinite(table).all():
        raise ArgumentError(
            f"constraints have shapes {table.shape} and {limits.shape}; expected finite (m, {n0}) "
            "and (m,), for A @ x <= b"
        )
    columns = tree.frame.columns
    rows = np.column_stack([-table @ columns[:-1].T, limits - table @ columns[-1]])
    norms = np.linalg.norm(rows[:, :-1], axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)
