"""The mixed-integer model of a network over a bounded domain, and the solvers that PuLP drives."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pulp

from regions.counting.effort import Effort
from regions.counting.exact.precise import power_of_two
from regions.counting.tree.frame import Frame
from regions.errors import ArgumentError, OutOfTime, SolverError

Solver = Literal["highs", "cbc", "gurobi"]
_SOLVERS = {"highs": "HiGHS", "cbc": "PULP_CBC_CMD", "gurobi": "GUROBI"}
_PATIENCE = 0.1  # seconds
RESOLUTION = 1e-7  # how far from zero units must be, as a share of the largest they can get
_AT_ONCE = 50_000_000  # products between two looks at the clock
STABLE = 1e-9  # units that are farther from zero all over the domain keep their sign


@contextmanager
def quiet_pulp() -> Iterator[None]:
    """Silence PuLP's notes on its version 4, which older versions cannot follow."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*PuLP 4", category=DeprecationWarning)
        yield


def solver_of(name: str, seconds: float | None = None) -> Any:
    """Return PuLP's solver `name`, silent and on one thread; SolverError if it is missing."""
    if not isinstance(name, str) or name not in _SOLVERS:
        raise ArgumentError(f"solver is {name!r}; expected one of {', '.join(_SOLVERS)}")
    options: dict[str, Any] = {"msg": False, "timeLimit": seconds}
    if name == "highs":
        options |= {"threads": 1, "mip_feasibility_tolerance": 1e-9}
        options |= {"primal_feasibility_tolerance": 1e-9, "mip_rel_gap": 0.0}
    if name == "cbc":
        options |= {"threads": 1, "gapRel": 0.0}
    found = _Highs(**options) if name == "highs" else getattr(pulp, _SOLVERS[name])(**options)
    available = found.available()
    if not available:
        raise SolverError(
            f"the solver {name!r} is not installed; use solver='highs', which comes with this "
            "package, or install it (gurobi: pip install 'relu-regions[gurobi]')"
        )
    return found


class _Highs(pulp.HiGHS):
    """HiGHS as PuLP has it, but Ctrl-C stops it."""

    def callSolver(self, lp: Any) -> None:
        """Run in a thread, so that this one hears of an interrupt."""
        model = lp.solverModel
        model.HandleUserInterrupt = True
        model.startSolve()
        try:
            while not model.wait(_PATIENCE)[0]:
                pass
        except KeyboardInterrupt:
            model.cancelSolve()
            model.wait()
            raise


@dataclass
class Model:
    """The mixed-integer model of a network over a bounded domain."""

    problem: pulp.LpProblem
    y: list[pulp.LpVariable]
    gap: pulp.LpVariable
    strict: list[str]
    binaries: dict[int, pulp.LpVariable]
    fixed: np.ndarray
    solver: str
    relaxed: bool = False

    @classmethod
    def of(cls, frame: Frame, rows: np.ndarray, solver: str, effort: Effort) -> Model:
        """Build the model layer by layer, with bounds on every preactivation."""
        return _Builder(frame, rows, solver, effort).model()

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
        """Solve; return the values, or None if no pattern with a positive gap is left.

        SolverError if the solver gave up before its time.
        """
        seconds = effort.left
        run(self.problem, self.solver, seconds)
        if is_infeasible(self.problem):
            return None
        gap = self.gap.varValue
        if gap is not None and gap > RESOLUTION:
            return {variable.name: variable.varValue for variable in self.problem.variables()}
        if self.problem.sol_status == pulp.LpSolutionOptimal:
            return None
        left = effort.left
        if seconds is not None and left is not None and left <= max(0.1 * seconds, _PATIENCE):
            raise OutOfTime
        status = pulp.LpSolution[self.problem.sol_status]
        raise SolverError(f"the solver {self.solver!r} stopped without a proof: {status}")


def run(problem: pulp.LpProblem, solver: str, seconds: float | None = None) -> None:
    """Solve `problem`, for so many seconds at the most."""
    _solve(problem, solver_of(solver, seconds))


def _solve(problem: pulp.LpProblem, solver: Any) -> None:
    try:
        problem.solve(solver)
    except (IndexError, pulp.PulpError) as error:  # HiGHS gave up on the numbers
        raise SolverError(f"the solver {solver.name} failed: {error}") from error


def is_infeasible(problem: pulp.LpProblem) -> bool:
    """Tell whether the solver proved that `problem` has no solution."""
    # CBC reports the proof in `status` alone
    return pulp.LpSolutionInfeasible == problem.sol_status or (
        problem.status == pulp.LpStatusInfeasible
    )


class _Builder:
    """Adds units layer by layer, each divided by a power of two about as large as it can get."""

    def __init__(self, frame: Frame, rows: np.ndarray, solver: str, effort: Effort):
        self.net, self.frame, self.solver, self.effort = frame.net, frame, solver, effort
        self.problem = pulp.LpProblem("regions", pulp.LpMaximize)
        self.gap = pulp.LpVariable("gap", 0.0, 1.0)
        self.strict: list[str] = []
        self.binaries: dict[int, pulp.LpVariable] = {}
        self.fixed = np.zeros(sum(layer.size for layer in self.net.relu_layers), dtype=bool)
        self.y = [
            pulp.LpVariable(f"y{k}", frame.low[k], frame.high[k]) for k in range(frame.dimension)
        ]
        for row in rows:
            self.problem += pulp.lpDot(row[:-1], self.y) + float(row[-1]) >= self.gap

    def model(self) -> Model:
        self.problem.setObjective(self.gap)
        reach = np.maximum(np.abs(self.frame.low), np.abs(self.frame.high))
        scale = np.ones(len(reach))
        first, values, low, high = 0, list(self.y), -reach, reach
        # the inputs are one more affine map, of the coordinates
        columns = self.frame.columns
        matrix, bias = columns[:-1].T, columns[-1]
        layers, carried = self.net.layers()[:-1], True
        for index, layer in enumerate(layers):
            if carried:
                bias = layer.matrix @ bias + layer.bias
                matrix = self._product(layer.matrix, matrix)
            else:
                matrix, bias = layer.matrix.toarray(), layer.bias
            carried = False
            scaled = matrix * scale
            positive, negative = np.maximum(scaled, 0), np.minimum(scaled, 0)
            below = positive @ low + negative @ high + bias
            above = positive @ high + negative @ low + bias
            sizes = np.maximum(np.abs(below), np.abs(above))
            if not (sizes <= 2.0**1023).all():
                raise SolverError(
                    f"layer {layer.name!r} reaches {sizes.max():.3g} on the domain, beyond "
                    "float64: use method='cells', which counts exactly at any scale"
                )
            scale = power_of_two(sizes)
            below, above, bias = below / scale, above / scale, bias / scale
            forms = []
            for row, shift in zip(scaled / scale[:, None], bias, strict=True):
                self.effort.check()
                forms.append(self._affine(row, values, shift))
            values, low, high = list(forms), below.copy(), above.copy()
            for unit in range(layer.units):
                self.effort.check()
                bounds = self._tightened(forms[unit], below[unit], above[unit])
                values[unit], low[unit], high[unit] = self._unit(
                    first + unit, forms[unit], bounds, self.net.relu_layers[index].slope
                )
            first += layer.units
        found = self.problem, self.y, self.gap, self.strict, self.binaries, self.fixed
        return Model(*found, self.solver)

    def _product(self, left: Any, right: np.ndarray) -> np.ndarray:
        """Return `left @ right`, with a look at the clock between rows."""
        parts, step = [], 1 + _AT_ONCE * left.shape[0] // (1 + left.nnz * right.shape[1])
        for first in range(0, left.shape[0], step):
            self.effort.check()
            parts.append(left[first : first + step] @ right)
        return np.concatenate(parts)

    def _affine(self, row: np.ndarray, values: list, shift: float) -> pulp.LpAffineExpression:
        live = np.flatnonzero(row)
        terms = (float(row[k]) * values[k] for k in live)
        return pulp.lpSum(terms) + float(shift)

    def _tightened(self, form: Any, low: float, high: float) -> tuple[float, float]:
        """Return linear programming bounds where interval bounds leave the sign open."""
        if low > STABLE or high < -STABLE or low == high == 0.0:
            return low, high
        relaxed, bounds = self.problem.copy(), [low, high]
        for side, sense in ((0, pulp.LpMinimize), (1, pulp.LpMaximize)):
            relaxed.sense = sense
            relaxed.setObjective(form)
            relaxation = _relaxation(self.solver, self.effort.left)
            try:
                _solve(relaxed, relaxation)
            except SolverError:
                break  # the bounds of intervals hold
            if relaxed.sol_status == pulp.LpSolutionOptimal:
                value = float(pulp.value(relaxed.objective))  # type: ignore[arg-type]
                margin = 1e-7 * (abs(low) + abs(high))
                bounds[side] = max(low, value - margin) if side == 0 else min(high, value + margin)
            self.effort.check()
        return bounds[0], bounds[1]

    def _unit(self, number: int, form: Any, bounds: tuple, slope: float):
        """Add one unit; return its output and the output's bounds."""
        low, high = bounds
        if low > STABLE:
            self.fixed[number] = True
            return form, low, high
        if high < -STABLE or low == high == 0.0:
            ends = slope * low, slope * high
            return slope * form, min(ends), max(ends)
        # where it is not negative, it may yet be zero all over a region
        low, high = min(low, 0.0), max(high, 0.0)
        z = pulp.LpVariable(f"z{number}", cat=pulp.LpBinary)
        positive = pulp.LpVariable(f"h{number}", 0.0, high)
        scale = 1.0 / max(-low, high, RESOLUTION)
        self.binaries[number] = z
        self.problem += positive >= form
        self.problem += positive <= form - low * (1 - z)
        self.problem += positive <= high * z
        self.problem += self.gap <= scale * form + 2 * (1 - z)
        inactive = self.gap <= -scale * form + 2 * z
        self.problem += inactive, f"inactive{number}"
        self.strict.append(f"inactive{number}")
        output = slope * form + (1 - slope) * positive
        return output, min(0.0, slope * low), max(high, slope * low)


def _relaxation(solver: str, seconds: float | None) -> Any:
    found = solver_of(solver, seconds)
    found.mip = False
    return found
