"""The plane engine: exact counts on two-dimensional boxes and slices, and the cells themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from heapq import heapify, heappop, heappush
from typing import ClassVar

import numpy as np
from joblib import Parallel, delayed

from regions.counting.effort import Effort, stoppable
from regions.counting.line.line import regions_between
from regions.counting.plane.chain import flat_chain, is_chain
from regions.counting.plane.explorer import Explorer, PlaneCells
from regions.counting.plane.pieces import linear_pieces
from regions.counting.plane.planar import BOUNDARY, PlanarFrame, planar_frame
from regions.counting.plane.segments import SegmentExplorer
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.errors import DomainError
from regions.networks import ReLUNetwork
from regions.workers import results_of

_TASKS = 16  # per worker


@dataclass(frozen=True)
class Plane:
    """Exact counts on two-dimensional domains, for any network.

    Bounded ones, or for kind="activation" also unbounded ones (a whole plane). Workers are threads
    (or those of joblib's current backend) over parts of the plane.

    Notes
    -----
    An unbounded domain is cut into three sectors around a generic inner point. A convex region
    that meets s sectors meets s rays between them, or s - 1 if the point is not inside it, so the
    count is the sum over the sectors, minus the sum over the rays, plus one.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> regions.count_regions(net, regions.Box.cube(2, -1.0, 1.0), method="plane").count
    4
    """

    name: ClassVar[str] = "plane"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation", "linear")

    def found(self, question: Question, effort: Effort) -> Found:
        """Count; DomainError if the domain is not a plane, or unbounded and kind="linear"."""
        net = question.net
        frame = planar_frame(net, question.domain)
        linear = question.kind == "linear"
        work = _pieces(net, frame, effort) if linear else _counts(net, frame, effort)
        count = 0 if frame.apex is None else 1
        with stoppable() as stopped, effort.blas_threads(net):
            for ray in frame.rays():
                count -= regions_between(net, ray)
            for more in effort.bar("parts of the plane", work):
                count += more
        if stopped.by is not None:
            return Found.cut_short(max(1, count - 1), stopped.by)
        return Found.exact(count)


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


def _counts(net: ReLUNetwork, frame: PlanarFrame, effort: Effort) -> Iterator[int]:
    """Yield numbers that add up to the number of cells in the frame's polygons."""
    make = _explorer(net, frame)
    if effort.n_jobs in (None, 1):
        explorer = make()
        for polygon in frame.polygons:
            yield from _watched(explorer.counts(polygon), effort)
        return
    parallel = Parallel(n_jobs=effort.n_jobs, prefer="threads", return_as="generator_unordered")
    tasks = _shares(make(), frame.polygons, _TASKS * effort.workers)
    with results_of(parallel(delayed(_total)(make, task, effort) for task in tasks)) as results:
        for count, finished in results:
            yield count
            if not finished:
                raise TimeoutError


def _watched(counts: Iterable[int], effort: Effort) -> Iterator[int]:
    for count in counts:
        yield count
        effort.check()


def _total(make: Callable, polygon: np.ndarray, effort: Effort) -> tuple[int, bool]:
    """Return the cells counted in a polygon, and whether that is all of them."""
    total = 0
    try:
        for count in _watched(make().counts(polygon), effort):
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


def _pieces(net: ReLUNetwork, frame: PlanarFrame, effort: Effort) -> Iterator[int]:
    """Yield the number of linear pieces, once."""
    parts = []
    for part in plane_cells(net, frame):
        parts.append(part)
        effort.check()
    yield len(set(linear_pieces(PlaneCells.joined(parts)).tolist()))
