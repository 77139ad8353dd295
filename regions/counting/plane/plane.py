"""The plane engine: exact counts on two-dimensional boxes and slices, and the cells themselves."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from heapq import heapify, heappop, heappush
from typing import ClassVar, get_args

from regions.counting.dense import is_dense
from regions.counting.effort import Effort, stoppable
from regions.counting.plane.chain import flat_chain
from regions.counting.plane.explorer import Explorer, PlaneCells, Polygon
from regions.counting.plane.judge import Judge
from regions.counting.plane.kinds import closed_pieces, count_maps, count_patterns
from regions.counting.plane.pieces import linear_pieces, shared_edges
from regions.counting.plane.planar import Part, PlanarFrame, planar_frame
from regions.counting.plane.segments import SegmentExplorer
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.counting.undecided import Undecided
from regions.errors import DomainError, OutOfTime
from regions.networks import ReLUNetwork
from regions.networks.pieces import Pieces

_TASKS = 16  # per worker
_FEW = 2000  # cells between two looks at the clock before work is cut into pieces
_UNBOUNDED = (
    "the plane is unbounded, and its cells cannot be listed: give a box "
    "(Slice.through(points, box=...)), or use method='cells'"
)
AnyExplorer = Explorer | SegmentExplorer


@dataclass(frozen=True)
class Plane:
    """Exact counts on two-dimensional domains, for any network.

    Bounded ones, or for kind="activation" also unbounded ones (a whole plane). Workers are threads
    (or those of joblib's current backend) over parts of the plane. For kind="convex" bounds.

    Notes
    -----
    A vertex is where two lines cross, each the zero set of a unit or a side of the domain, and all
    that is ever asked is on which side of a third unit's line it lies. The approximate value there
    answers this if it is larger than a bound of its rounding error; else what is known without
    arithmetic does, or integers. An unbounded domain is cut at the lines of two units of the first
    layer that cross, and every part is taken in projective coordinates in which it is bounded.

    Where exact arithmetic is out of reach (large convolutional networks) and decisions stay open,
    the approximate values decide and the status is UNCERTIFIED, with the number of such decisions
    in ``details``.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> regions.count_regions(net, regions.Box.cube(2, -1.0, 1.0), method="plane").count
    4
    """

    name: ClassVar[str] = "plane"
    kinds: ClassVar[tuple[Kind, ...]] = get_args(Kind)

    def found(self, question: Question, effort: Effort) -> Found:
        """Count; DomainError if the domain is no plane, or unbounded and kind not "activation"."""
        net, kind = question.net, question.kind
        count, upper, doubts = 0, 0, Undecided()
        with stoppable() as stopped, effort.blas_threads(net):
            frame = planar_frame(net, question.domain)
            if kind != "activation":
                if not frame.bounded:
                    raise DomainError(_UNBOUNDED)
                count, upper = _merged(net, frame, kind, effort, doubts)
            else:
                counted = _patterns if Pieces(net.graph).maxima else _counts
                work = counted(net, frame, effort, doubts)
                for more in effort.bar("parts of the plane", work):
                    count += more
        if kind == "convex":
            return Found.between(count, upper, doubts, stopped.by)
        return Found.counted(count, doubts, stopped.by)


def plane_cells(net: ReLUNetwork, frame: PlanarFrame) -> Iterator[PlaneCells]:
    """Yield the cells of a bounded planar domain, some thousands at a time."""
    if not frame.bounded:
        raise DomainError(_UNBOUNDED)
    explorer = _explorer(net, frame, frame.parts[0], Effort())()
    yield from explorer.cells(Polygon(frame.parts[0].vertices, frame.parts[0].labels))
    explorer.judge.doubts.warn("the cells of a plane")


def _explorer(
    net: ReLUNetwork, frame: PlanarFrame, part: Part, effort: Effort
) -> Callable[[], AnyExplorer]:
    """Return what makes an explorer, as something small that can travel to a worker."""
    columns, homogeneous = part.columns(frame.place), part.axes[2].floats()
    settle = partial(Judge, net, frame.place, frame.sides, part.axes)
    if not net.relu_layers or not is_dense(net):
        return partial(SegmentExplorer, net, columns, homogeneous, settle)
    return partial(_flat, *flat_chain(net, columns, homogeneous, effort.check), settle)


def _flat(chain, maps, scales, settle: Callable[[], Judge]) -> Explorer:
    return Explorer(chain, maps, settle(), scales)


def _counts(
    net: ReLUNetwork, frame: PlanarFrame, effort: Effort, doubts: Undecided
) -> Iterator[int]:
    """Yield numbers that add up to the number of cells in the frame's parts."""
    with effort.shared() if effort.n_jobs not in (None, 1) else nullcontext(effort) as told:
        yield from _counts_of_parts(net, frame, told, doubts)


def _counts_of_parts(
    net: ReLUNetwork, frame: PlanarFrame, effort: Effort, doubts: Undecided
) -> Iterator[int]:
    makes, tasks = [], []
    for part in frame.parts:
        make, polygon = _explorer(net, frame, part, effort), Polygon(part.vertices, part.labels)
        if effort.n_jobs not in (None, 1):
            alone = _quickly(make(), polygon, effort, doubts)
            if alone is not None:
                yield alone[0]
                if not alone[1]:
                    raise OutOfTime
                continue
            wanted = _TASKS * effort.workers // len(frame.parts)
            tasks += [
                (len(makes), share, effort) for share in _shares(make(), polygon, wanted, doubts)
            ]
            makes.append(make)
            continue
        explorer = make()
        try:
            yield from _watched(explorer.counts(polygon), effort)
        finally:
            doubts.add(explorer.judge.doubts)
    if not tasks:
        return
    running = effort.results_of(_total, list(enumerate(tasks)), (makes,), prefer="threads")
    with closing(running) as results:
        for _, (count, finished, more) in results:
            doubts.add(more)
            yield count
            if not finished:
                raise OutOfTime


def _quickly(
    explorer: AnyExplorer, polygon: Polygon, effort: Effort, doubts: Undecided
) -> tuple[int, bool] | None:
    """Return the number of cells and whether it is all; None if that takes longer than to cut up.

    To cut a polygon for workers costs as much as to count thousands of cells.
    """
    start, total, finished = effort.seconds_to_cut(), 0, True
    if start <= 0:
        return None
    end = time.thread_time() + start
    try:
        for count in _watched(explorer.counts(polygon, _FEW), effort):
            total += count
            if time.thread_time() >= end and not explorer.finished:
                return None
    except OutOfTime:
        finished = False
    doubts.add(explorer.judge.doubts)
    return total, finished


def _watched(counts: Iterable[int], effort: Effort) -> Iterator[int]:
    for count in counts:
        yield count
        effort.check()


def _total(
    part: int, polygon: Polygon, effort: Effort, makes: list[Callable[[], AnyExplorer]]
) -> tuple[int, bool, Undecided]:
    """Return the cells counted in a polygon, and whether that is all of them."""
    total, explorer = 0, makes[part]()
    try:
        for count in _watched(explorer.counts(polygon), effort):
            total += count
    except OutOfTime:
        return total, False, explorer.judge.doubts
    return total, True, explorer.judge.doubts


def _shares(
    explorer: AnyExplorer, polygon: Polygon, wanted: int, doubts: Undecided
) -> list[Polygon]:
    """Cut a polygon along units' boundaries until there are `wanted` of them, if possible.

    The next to be cut is always one that most units of the first layer cross: work grows with
    their square. The largest shares come first, so that workers end together.
    """
    order = itertools.count()
    heap = [(-explorer.crossed(polygon), next(order), polygon)]
    heapify(heap)
    whole = []
    while heap and len(heap) + len(whole) < wanted:
        parts = explorer.halves(heappop(heap)[2])
        if len(parts) == 1:
            whole += parts
            continue
        for part in parts:
            heappush(heap, (-explorer.crossed(part), next(order), part))
    doubts.add(explorer.judge.doubts)
    return [polygon for _, _, polygon in sorted(heap)] + whole


def _patterns(
    net: ReLUNetwork, frame: PlanarFrame, effort: Effort, doubts: Undecided
) -> Iterator[int]:
    """Yield numbers of new patterns of networks with maxima, whose switches cut regions in parts.

    A region is convex, and its parts may lie in several parts of the frame.
    """
    seen: set[bytes] = set()
    pieces = Pieces(net.graph)
    for part in frame.parts:
        explorer = _explorer(net, frame, part, effort)()
        try:
            for cells in explorer.cells(Polygon(part.vertices, part.labels)):
                known = len(seen)
                seen.update(pieces.names(cells.patterns))
                yield len(seen) - known
                effort.check()
        finally:
            doubts.add(explorer.judge.doubts)


def _merged(
    net: ReLUNetwork, frame: PlanarFrame, kind: Kind, effort: Effort, doubts: Undecided
) -> tuple[int, int]:
    """Return the number of regions that cells or their faces make up together, and of cells."""
    parts, part = [], frame.parts[0]
    explorer = _explorer(net, frame, part, effort)()
    for found in explorer.cells(Polygon(part.vertices, part.labels)):
        parts.append(found)
        effort.check()
    cells = PlaneCells.joined(parts)
    low, high = shared_edges(cells, explorer, effort.check)
    if kind == "pattern":
        columns = part.columns(frame.place).floats()
        count = count_patterns(cells, low, high, explorer, net, columns, effort)
    else:
        pieces = linear_pieces(cells, low, high, explorer, effort.check)
        count = int(pieces.max()) + 1
        if kind == "affine":
            count = count_maps(cells, pieces, explorer, effort)
        elif kind == "closed":
            count = closed_pieces(cells, low, high, pieces, explorer, effort)
    doubts.add(explorer.judge.doubts)
    return count, len(cells)
