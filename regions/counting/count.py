"""`count_regions`: one call for every engine, and the choice between them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from regions.counting.result import Kind, RegionCount
from regions.errors import ArgumentError, DomainError
from regions.networks import Box, ReLUNetwork, Slice, as_network

_ENGINES = {
    "line": ("line", "count_line"),
    "plane": ("plane", "count_plane"),
    "cells": ("cells", "count_cells"),
    "vertices": ("vertices", "count_vertices"),
    "milp": ("milp", "count_milp"),
    "sample": ("sample", "count_sample"),
    "estimate": ("estimate", "count_estimate"),
    "parity": ("parity", "count_parity"),
}
METHODS = ("auto", *_ENGINES)
_SHARED = {"net", "domain", "kind", "time_limit", "n_jobs", "progress"}


def count_regions(
    net: Any,
    domain: Box | Slice | None = None,
    method: str = "auto",
    kind: Kind = "activation",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    **options: Any,
) -> RegionCount:
    """Count the linear regions of a ReLU network over a domain.

    Counted are full-dimensional activation regions of the hidden ReLUs (kind="activation"): sets
    of inputs that share an activation pattern, over the open domain. The output layer is no ReLU
    layer unless the model applies one. A unit that is constant on a region adds no split.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    domain : Box, Slice or None
        Where to count; None is all of the input space.
    method : str
        "auto" (see `choose_method`), or an engine:
        "line", "plane": exact in dimension 1 and 2, any network;
        "cells": exact in any dimension; "vertices": exact in bounded domains of dimension 2 to 6;
        "milp": exact through a mixed-integer solver;
        "sample": lower bound from distinct patterns; "estimate": unbiased random-walk estimate;
        "parity": probabilistic lower bound.
    kind : {"activation", "linear"}
        "linear" counts maximal connected pieces with one affine map instead (exact engines).
    time_limit : float, optional
        Seconds after which the status is LIMIT_REACHED with the regions found so far.
    n_jobs : int, optional
        Workers, through joblib and its current backend; -1 for all cores.
    progress : bool
        Show a bar on stderr.
    **options
        The engine's own options, such as ``samples=`` or ``rng=``.

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
    """
    network = net if isinstance(net, ReLUNetwork) else as_network(net)
    check_request(network, domain, kind, time_limit, n_jobs)
    if method == "auto":
        method = choose_method(network, domain, kind)[0]
    engine = _engine(method)
    _check_options(method, engine, options)
    shared = {"time_limit": time_limit, "n_jobs": n_jobs, "progress": progress}
    if kind == "linear" and method not in ("line", "plane"):
        return _count_linear(network, domain, method, shared)
    return engine(network, domain, kind=kind, **shared, **options)


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
    network = net if isinstance(net, ReLUNetwork) else as_network(net)
    dimension = network.input_size if domain is None else domain.dimension
    bounded = domain is not None and domain.bounded
    if dimension == 1:
        return "line", (
            "the domain is one-dimensional: breakpoints are followed through any network"
        )
    if dimension == 2 and (bounded or kind == "activation"):
        return "plane", "the domain is two-dimensional: polygons can be cut exactly, unit by unit"
    if 3 <= dimension <= 6 and bounded and kind == "activation" and _is_plain(network):
        return "vertices", (
            f"the domain is bounded and of dimension {dimension}: counting through vertices is "
            "fastest there, and hands degenerate networks to 'cells'"
        )
    return "cells", (
        f"the domain has dimension {dimension}{'' if bounded else ' and is unbounded'}: linear "
        "programs decide each cell exactly; give time_limit= if there may be too many"
    )


def _is_plain(net: ReLUNetwork) -> bool:
    return not net.graph.has_residuals() and max(net.widths[1:]) <= 2048


def _engine(method: str) -> Callable[..., RegionCount]:
    if method not in _ENGINES:
        raise ArgumentError(f"method is {method!r}; expected one of {', '.join(METHODS)}")
    file, name = _ENGINES[method]
    return getattr(importlib.import_module(f"regions.counting.{file}"), name)


def check_request(
    net: ReLUNetwork,
    domain: Any,
    kind: str,
    time_limit: float | None,
    n_jobs: int | None,
) -> None:
    """Raise DomainError or ArgumentError if the domain or a shared argument is out of range."""
    if domain is not None and not isinstance(domain, (Box, Slice)):
        raise DomainError(
            f"domain is a {type(domain).__name__}; expected regions.Box(low, high), "
            "regions.Slice.through(points) or None for the whole input space"
        )
    if domain is not None and domain.input_size != net.input_size:
        raise DomainError(
            f"the domain lies in {domain.input_size} dimensions but the network has "
            f"{net.input_size} inputs, of shape {net.input_shape}"
        )
    if kind not in ("activation", "linear"):
        raise ArgumentError(f"kind is {kind!r}; expected 'activation' or 'linear'")
    if time_limit is not None and not time_limit > 0:
        raise ArgumentError(f"time_limit is {time_limit!r}; expected seconds above 0, or None")
    if n_jobs is not None and (not isinstance(n_jobs, int) or n_jobs == 0):
        raise ArgumentError(
            f"n_jobs is {n_jobs!r}; expected a number of workers, -1 for all cores, or None"
        )


def _check_options(method: str, engine: Callable, options: dict[str, Any]) -> None:
    if not options:
        return
    known = set(inspect.signature(engine).parameters) - _SHARED
    unknown = sorted(set(options) - known)
    if unknown:
        expected = ", ".join(sorted(known)) or "none"
        raise ArgumentError(
            f"method {method!r} does not know the option(s) {', '.join(unknown)}; its options "
            f"are: {expected}"
        )


def _count_linear(
    net: ReLUNetwork, domain: Box | Slice | None, method: str, shared: dict[str, Any]
) -> RegionCount:
    if method not in ("cells", "vertices"):
        raise ArgumentError(
            f"method {method!r} counts activation regions only; for kind='linear' use 'line', "
            "'plane' or 'cells'"
        )
    from regions.counting.linear import count_linear

    return count_linear(net, domain, **shared)
