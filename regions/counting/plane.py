"""The plane engine: exact counts on two-dimensional boxes and slices, and the cells themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from heapq import heapify, heappop, heappush

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from regions.counting.chain import flat_chain, is_chain
from regions.counting.explorer import Explorer, PlaneCells
from regions.counting.limits import Stopwatch, blas_threads, stoppable
from regions.counting.line import regions_between
from regions.counting.merging import linear_pieces
from regions.counting.planar import BOUNDARY, PlanarFrame, planar_frame
from regions.counting.result import RegionCount
from regions.counting.segments import SegmentExplorer
from regions.errors import DomainError
from regions.networks import Box, ReLUNetwork, Slice
from regions.progress import track
from regions.workers import results_of

_TASKS = 16  # per worker


def count_plane(
    net: ReLUNetwork,
    domain: Box | Slice | None,
    *,
    kind: str = "activation",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> RegionCount:
    """Count the regions on a two-dimensional domain exactly.

    Parameters
    ----------
    net : ReLUNetwork
        Any network, also convolutional and residual ones.
    domain : Box, Slice or None
        Two-dimensional; bounded, or for kind="activation" also unbounded (a whole plane).
    kind : {"activation", "linear"}
        Activation regions, or maximal connected pieces with one affine map.
    time_limit : float, optional
        Seconds after which LIMIT_REACHED is returned with the regions found so far.
    n_jobs : int, optional
        Threads (or workers of joblib's current backend) over parts of the plane.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    RegionCount

    Raises
    ------
    DomainError
        If the domain is not two-dimensional, is empty, or is unbounded and kind="linear".

    Notes
    -----
    An unbounded domain is cut into three sectors around a generic inner point. A convex region
    that meets s sectors meets s rays between them, or s - 1 if the point is not inside it, so the
    count is the sum over the sectors, minus the sum over the rays, plus one.

    Examples
    --------
    >>> import regions
    >>> from regions.counting.plane import count_plane
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> count_plane(net, regions.Box.cube(2, -1.0, 1.0)).count
    4
    """
    clock, frame = Stopwatch(time_limit), planar_frame(net, domain)
    facts = {"method": "plane", "kind": kind, "domain": domain}
    work = _pieces(net, frame, clock) if kind == "linear" else _counts(net, frame, n_jobs, clock)
    count = 0 if frame.apex is None else 1
    with stoppable() as stopped, blas_threads(net, n_jobs):
        for ray in frame.rays():
            count -= regions_between(net, ray)
        for more in track(work, show=progress, label="parts of the plane"):
            count += more
    facts["seconds"] = clock.seconds
    if stopped.by is not None:
        return RegionCount.cut_short(max(1, count - 1), stopped_by=stopped.by, details={}, **facts)
    return RegionCount.exact(count, **facts)


def plane_cells(net: ReLUNetwork, frame: PlanarFrame) -> Iterator[PlaneCells]:
    """Yield the cells of a bounded planar domain, some thousands at a time."""
    if frame.apex is not None:
        raise DomainError(
            "the plane is unbounded, and its cells cannot be listed: give a box "
            "(Slice.through(points, box=...)), or use method='cells'"
        )
    polygon = frame.polygons[0]
    yield from _explorer(net, frame)().cells(polygon, np.full(len(polygon), BOUNDARY))


def _explorer(net: ReLUNetwork, frame: PlanarFrame) -> Callable[[], Explorer | SegmentExplorer]:
    """Return what makes an explorer, as something small that can travel to a worker."""
    if not net.relu_layers or not is_chain(net):
        return partial(SegmentExplorer, net, frame.columns)
    return partial(Explorer, *flat_chain(net, frame.columns, np.array([0.0, 0.0, 1.0])))


def _counts(
    net: ReLUNetwork, frame: PlanarFrame, n_jobs: int | None, clock: Stopwatch
) -> Iterator[int]:
    """Yield numbers that add up to the number of cells in the frame's polygons."""
    make = _explorer(net, frame)
    if n_jobs in (None, 1):
        explorer = make()
        for polygon in frame.polygons:
            yield from _watched(explorer.counts(polygon), clock)
        return
    parallel = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")
    tasks = _shares(make(), frame.polygons, _TASKS * effective_n_jobs(n_jobs))
    with results_of(parallel(delayed(_total)(make, task, clock) for task in tasks)) as results:
        for count, finished in results:
            yield count
            if not finished:
                raise TimeoutError


def _watched(counts: Iterable[int], clock: Stopwatch) -> Iterator[int]:
    for count in counts:
        yield count
        if clock.expired():
            raise TimeoutError


def _total(make: Callable, polygon: np.ndarray, clock: Stopwatch) -> tuple[int, bool]:
    """Return the cells counted in a polygon, and whether that is all of them."""
    total = 0
    try:
        for count in _watched(make().counts(polygon), clock):
            total += count
    except TimeoutError:
        return total, False
    return total, True


def _shares(explorer, polygons: Iterable[np.ndarray], wanted: int) -> list[np.ndarray]:
    """Cut the polygons along units' boundaries until there are `wanted` of them, if possible.

    The next to be cut is always one that most units of the first layer cross: work grows with
    their square. The largest shares come first, so that workers end together.
    """
    order = itertools.count()
    heap = [(-explorer.crossed(polygon), next(order), polygon) for polygon in polygons]
    heapify(heap)
    whole = []
    while heap and len(heap) + len(whole) < wanted:
        parts = explorer.halves(heappop(heap)[2])
        if len(parts) == 1:
            whole += parts
            continue
        for part in parts:
            heappush(heap, (-explorer.crossed(part), next(order), part))
    return [polygon for _, _, polygon in sorted(heap)] + whole


def _pieces(net: ReLUNetwork, frame: PlanarFrame, clock: Stopwatch) -> Iterator[int]:
    """Yield the number of linear pieces, once."""
    parts = []
    for part in plane_cells(net, frame):
        parts.append(part)
        if clock.expired():
            raise TimeoutError
    yield len(set(linear_pieces(PlaneCells.joined(parts)).tolist()))
