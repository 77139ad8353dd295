"""`count_regions`: one call for every engine, and the choice between them.

Examples
--------
>>> from regions.counting import ENGINES, METHODS
>>> METHODS == ("auto", *ENGINES), "cells" in ENGINES
(True, True)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regions.choices import choose
from regions.counting.checks import check_two_pieces
from regions.counting.effort import Effort
from regions.counting.engine import Engine
from regions.counting.line.line import Line
from regions.counting.plane.plane import Plane
from regions.counting.question import Kind, Question
from regions.counting.result import RegionCount
from regions.counting.sample import Sample
from regions.counting.solver.milp import Milp
from regions.counting.solver.parity import Parity
from regions.counting.tree.cells import Cells
from regions.counting.tree.estimate import Estimate
from regions.counting.tree.vertices import Vertices
from regions.errors import ArgumentError
from regions.networks import Box, ReLUNetwork, Slice

ENGINES: Mapping[str, type] = {
    engine.name: engine for engine in (Line, Plane, Cells, Vertices, Milp, Sample, Estimate, Parity)
}
METHODS = ("auto", *ENGINES)
_OF_PATTERNS = (Line.name, Plane.name, Cells.name, Sample.name)  # of units of any pieces


def count_regions(
    net: Any,
    domain: Box | Slice | tuple[Any, Any] | None = None,
    method: str | Engine = "auto",
    kind: Kind = "activation",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    input_shape: Sequence[int] | None = None,
    **options: Any,
) -> RegionCount:
    """Count the linear regions of a ReLU network over a domain.

    Counted are full-dimensional activation regions of the hidden ReLUs (kind="activation"): sets
    of inputs that share an activation pattern, over the open domain. The output layer is no ReLU
    layer unless the model applies one. A unit that is constant on a region adds no split. A unit
    that takes a maximum of k values (max pooling, maxout) has k pieces, and a region's pattern says
    on which of them it is: the first that is largest there (`regions.networks.pieces`).

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    domain : Box, Slice, pair (low, high) or None
        Where to count; None is all of the input space. ``(0, 1)`` is the cube of all inputs
        between 0 and 1.
    method : str or engine
        "auto" (see `choose_method`), or an engine:
        "line", "plane": exact in dimension 1 and 2, any network;
        "cells": exact in any dimension; "vertices": exact in bounded domains of dimension 2 to 6;
        "milp": exact through a mixed-integer solver, for cross-checks (minutes where "cells" takes
        a second);
        "sample": lower bound from distinct patterns; "estimate": unbiased random-walk estimate;
        "parity": probabilistic lower bound.
    kind : {"pattern", "activation", "convex", "linear", "closed", "affine"}
        Which regions, from the most to the fewest (after definitions 1 to 6 of [1]_; each is a
        sentence in `DEFINITIONS`), over the open domain;
        all but "activation" through the engines line, plane and cells. "convex" is bounded in
        dimension 2 and more: between "linear" and "activation".
    time_limit : float, optional
        Seconds after which the status is LIMIT_REACHED with the regions found so far.
    n_jobs : int, optional
        Workers, through joblib and its current backend; -1 for all cores. Where they would be of no
        use, all stays on one core, and the result says so.
    progress : bool
        Show a bar on stderr.
    input_shape : sequence of int, optional
        Shape of one input, such as (1, 28, 28), for models that start with a convolution. A
        network that `as_network` returned knows it.
    **options
        The fields of the engine, such as ``samples=`` or ``rng=``: ``method="sample", rng=1`` and
        ``method=Sample(rng=1)`` are the same call.

    Returns
    -------
    RegionCount
        ``.count``, ``.lower``, ``.upper``, ``.status``, ``.method``, ``.seconds``, ``.details``.

    Raises
    ------
    ArgumentError
        For an unknown method, kind or option, or a limit or number of workers out of range.
    DomainError
        If the domain does not fit the network or the engine.
    UnsupportedModelError
        If the model cannot be read.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> result = regions.count_regions(net, regions.Box.cube(2, -1.0, 1.0))
    >>> result.count, result.method, result.status.name
    (4, 'plane', 'EXACT')

    References
    ----------
    .. [1] M. Stargalla, C. Hertrich, D. Reichman, The computational complexity of counting linear
       regions in ReLU neural networks, NeurIPS 2025, arXiv:2505.16716.
    """
    question, effort = (
        Question.of(net, domain, kind, input_shape),
        Effort(time_limit, n_jobs, progress),
    )
    if method == "auto":
        method = _choice(question)[0]
    engine: Engine = choose("method", method, ENGINES, options, words=("auto",))
    if kind not in engine.kinds:
        able = ", ".join(repr(name) for name, other in ENGINES.items() if kind in other.kinds)
        raise ArgumentError(
            f"method {engine.name!r} does not count kind={kind!r}; use one of {able}, or 'auto'"
        )
    if kind == "pattern" or (kind == "activation" and engine.name not in _OF_PATTERNS):
        check_two_pieces(question.net, f"method {engine.name!r}, kind={kind!r}")
    found = engine.found(question, effort)
    if effort.stayed:
        found = found.noted(workers="stayed on one core")
    known = {"kind": question.kind, "domain": question.domain}
    return found.result(engine.name, seconds=effort.seconds, **known)


def choose_method(
    net: Any, domain: Box | Slice | None = None, kind: Kind = "activation"
) -> tuple[str, str]:
    """Return the engine that ``method="auto"`` picks, and why, in one sentence.

    Examples
    --------
    >>> import regions
    >>> from regions.counting import choose_method
    >>> net = regions.as_network([([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])])
    >>> choose_method(net)
    ('line', 'the domain is one-dimensional: breakpoints are followed through any network')
    """
    return _choice(Question.of(net, domain, kind))


def _choice(question: Question) -> tuple[str, str]:
    dimension, bounded = question.dimension, question.bounded
    if dimension == 1:
        return "line", (
            "the domain is one-dimensional: breakpoints are followed through any network"
        )
    activation = question.kind == "activation"
    if dimension == 2 and (bounded or activation):
        return "plane", "the domain is two-dimensional: polygons can be cut exactly, unit by unit"
    if 3 <= dimension <= 6 and bounded and activation and _is_plain(question.net):
        return "vertices", (
            f"the domain is bounded and of dimension {dimension}: counting through vertices is "
            "fastest there"
        )
    return "cells", (
        f"the domain has dimension {dimension}{'' if bounded else ' and is unbounded'}: linear "
        "programs decide each cell exactly; give time_limit= if there may be too many"
    )


def _is_plain(net: ReLUNetwork) -> bool:
    return not net.graph.branches and max(net.widths[1:]) <= 2048
