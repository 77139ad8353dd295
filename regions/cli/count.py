"""`regions count`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, get_args

from tyro.conf import OmitArgPrefixes, arg

import regions
from regions.cli.fields import fields_of, given_fields
from regions.cli.given import domain, network
from regions.cli.output import INTERRUPTED, TERMINAL, give
from regions.cli.words import Model, Shape, Where, one_of
from regions.counting.count import ENGINES
from regions.counting.question import Kind

OPTIONS = fields_of(ENGINES, without=("points",))


def count(
    model: Model,
    box: tuple[float, float] | None = None,
    points: Path | None = None,
    within: tuple[float, float] | None = None,
    method: Annotated[str, one_of(("auto", *ENGINES))] = "auto",
    kind: Annotated[Any, one_of((*get_args(Kind), "all"))] = "activation",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    require_exact: bool = False,
    input_shape: Shape = None,
    where: Where = TERMINAL,
    engine: Annotated[Any, arg(constructor=type(OPTIONS)), OmitArgPrefixes] = OPTIONS,
) -> int:
    """Count the linear regions of a network on a box, a slice, or its whole input space.

    Args:
        box: Count on the cube LOW HIGH (the same for every input).
        points: An .npy file of S + 1 inputs, (S + 1, n0): count on the flat through them; two
            points give the segment between them.
        within: With points: the part of the whole flat inside the cube LOW HIGH.
        method: Which engine; auto picks one that is exact (milp is for cross-checks: it takes
            minutes where cells takes seconds).
        kind: Which definition of a region; all gives a table of the six.
        time_limit: Seconds after which what is known is returned.
        n_jobs: Workers.
        require_exact: Exit with status 3 if the count is not exact.
    """
    where.check()
    net = network(model, input_shape)
    if method == "milp":
        print("regions: milp solves a program per region; cells is much faster", file=sys.stderr)
    found = regions.count_kinds(
        net,
        domain(net.input_size, box, points, within),
        "all" if kind == "all" else (kind,),
        method=method,
        time_limit=time_limit,
        n_jobs=n_jobs,
        progress=sys.stderr.isatty(),
        **given_fields(engine),
    )
    give(found if kind == "all" else found[kind], where)
    if any(result.details.get("stopped_by") == "interrupt" for result in found.results):
        return INTERRUPTED
    exact = all(result.status is regions.Status.EXACT for result in found.results)
    return 3 if require_exact and not exact else 0
