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

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from regions.counting.effort import Effort, stoppable
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.counting.solver.model import RESOLUTION, Model, Solver, quiet_pulp, solver_of
from regions.counting.solver.verified import Verified
from regions.counting.tree.frame import Frame, frame_of, rounded
from regions.counting.undecided import Undecided
from regions.errors import ArgumentError, DomainError, SolverError
from regions.exact.scaled import Scaled, joined


@dataclass(frozen=True, eq=False)
class Milp:
    """Exact counts on bounded domains by one mixed-integer program per activation region.

    The solver runs on one thread, whatever the number of workers. It cannot see regions in which
    some unit stays within 1e-7 of zero, as a share of the largest value it has on the domain. So
    every pattern it gives is checked in exact arithmetic, and when it has proved that none is left,
    the facets of all regions found are crossed, exactly: a domain is connected, so what is then not
    found does not exist, also where the solver gives up before its proof. ``details``:
    ``by_solver`` and ``across_facets`` (how many regions came which way), ``resolution``. Beyond 48
    dimensions exact programs are out of reach: the patterns are then checked in float64, and the
    result is UNCERTIFIED.

    A SolverError is raised if the solver is missing, or, beyond 48 dimensions, if it stops for
    another reason than its time limit.

    Notes
    -----
    Every unit is divided by a power of two about as large as it can get on the domain (interval,
    then linear programming bounds); units whose sign is certain are fixed. A first pass demands a
    distance from zero on both sides; a second one admits inactive units that are zero all over a
    region. Optimality is read from PuLP's ``sol_status``: its ``status`` says "Optimal" even when
    time ran out.

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
        count, by_solver, left = 0, 0, Undecided()
        with stoppable() as stopped, quiet_pulp(), effort.bar("regions") as bar:
            frame = bounded_frame(question, self.name, effort)
            solver_of(self.solver)  # one that is missing has not given up
            own = _own_rows(frame, self.constraints)
            known = Verified(frame, own, effort)
            left = known.left
            rows = np.vstack([frame.rows, rounded(own)])
            model = Model.of(frame, rows, self.solver, effort)
            try:
                for strict in (True, False):
                    while (pattern := model.next_pattern(strict, effort)) is not None:
                        bar.update(known.add(pattern))
                        count = by_solver = len(known)
            except SolverError:
                if not known.exact:
                    raise  # else what is left is found across facets
            for _ in known.across_facets():
                bar.update()
                count = len(known)
                effort.check()
        details = {"solver": self.solver, "by_solver": by_solver, "resolution": RESOLUTION}
        details["across_facets"] = count - by_solver
        if stopped.by is not None and self.constraints is not None and not left.number:
            return Found.cut_short(count, stopped.by, **details)  # there may be none
        return Found.counted(count, left, stopped.by, **details)


def bounded_frame(question: Question, engine: str, effort: Effort) -> Frame:
    """Return the frame of a bounded domain; DomainError if it is not bounded."""
    frame = frame_of(question.net, question.domain, effort.check)
    if not frame.bounded:
        raise DomainError(
            f"the engine {engine!r} needs a bounded domain (its constants bound every "
            "preactivation); give a Box or a Slice in a box, or use method='cells'"
        )
    return frame


def _own_rows(frame: Frame, constraints: tuple[Any, Any] | None) -> Scaled:
    """Return the user's constraints as forms in the frame's coordinates, exactly."""
    d = frame.dimension
    if constraints is None:
        return Scaled(np.zeros((0, d + 1), dtype=object))
    n0 = frame.net.input_size
    expected = f"expected a pair of finite arrays, (m, {n0}) and (m,), for A @ x <= b"
    try:
        table, limits = (np.asarray(part, dtype=np.float64) for part in constraints)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"constraints are no two arrays ({error}); {expected}") from None
    finite = np.isfinite(table).all() and np.isfinite(limits).all()
    if limits.ndim != 1 or table.shape != (len(limits), n0) or not finite:
        raise ArgumentError(f"constraints have shapes {table.shape}, {limits.shape}; {expected}")
    place = frame.place
    columns = joined([place.directions, place.start.reshape(1, -1)])
    bounds = np.zeros((len(limits), d + 1))
    bounds[:, -1] = limits
    return Scaled.of(bounds) - (columns @ Scaled.of(table.T)).transposed()
