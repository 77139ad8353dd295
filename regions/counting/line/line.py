"""The line engine: exact counts on segments, rays and whole lines, for networks of any size."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np

from regions.counting.effort import Effort, stoppable
from regions.counting.line.errors import RESOLUTION
from regions.counting.line.kinds import Maps, Points
from regions.counting.line.knots import LineFrame, line_frame
from regions.counting.line.walk import LinePart, joined, walk, walk_between
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.counting.undecided import Undecided
from regions.errors import OutOfTime
from regions.networks import Box, ReLUNetwork, Slice
from regions.progress import SHARE

if TYPE_CHECKING:
    import pandas as pd

_FEWEST, _MOST = 2, 8  # tasks per worker


@dataclass(frozen=True)
class Line:
    """Exact counts on a segment, ray or line (one-dimensional domains), for any network.

    ``details["by_layer"]`` counts the distinct breakpoints by ReLU layer; where several layers
    break at one point it belongs to the first of them. Workers are threads (or those of joblib's
    current backend) over pieces of what is left of a line that proves to be long. On a line convex,
    linear and closed regions are the same intervals.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])])
    >>> regions.count_regions(net, regions.Box([0.0], [1.0]), method="line").count
    2
    """

    name: ClassVar[str] = "line"
    kinds: ClassVar[tuple[Kind, ...]] = get_args(Kind)

    def found(self, question: Question, effort: Effort) -> Found:
        """Count; DomainError if the domain is not one-dimensional."""
        net, kind = question.net, question.kind
        tally, closer, count = _Tally(len(net.relu_layers)), None, 0
        pieces = kind not in ("pattern", "activation")
        look = {"pattern": Points, "affine": Maps}.get(kind)
        with stoppable() as stopped, effort.blas_threads(net):
            frame = line_frame(net, question.domain)
            closer = None if look is None else look(net, frame)
            bar = effort.bar("line", total=1.0, bar_format=SHARE)
            with bar, closing(_parts(net, frame, pieces, effort)) as parts:
                for part in parts:
                    tally.add(part)
                    if closer is not None:
                        closer.add(part, effort)
                    bar.set_postfix_str(f"{tally.breakpoints} breakpoints", refresh=False)
                    bar.update(min(_share(frame, part), 1.0 - bar.n))
            if isinstance(closer, Maps):
                count = closer.count(effort)
        left = _left(tally.doubtful)
        if closer is not None:
            left.add(closer.left)
        if isinstance(closer, Points):
            count = 1 + tally.breakpoints + closer.alone
        elif closer is None:
            count = 1 + (tally.bends if pieces else tally.breakpoints)
        details = {"by_layer": tally.by_layer.tolist()}
        return Found.counted(count, left, stopped.by, **details)


def breakpoints(net: ReLUNetwork, domain: Box | Slice | None) -> pd.DataFrame:
    """Return every distinct breakpoint on a line: columns position and layer.

    `position` is in the domain's own coordinate (for a slice the distance from its first point
    along the line), `layer` the index of the ReLU layer that breaks there.

    Examples
    --------
    >>> import regions
    >>> from regions.counting.line.line import breakpoints
    >>> net = regions.as_network([([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])])
    >>> breakpoints(net, regions.Box([0.0], [1.0])).to_dict("records")
    [{'position': 0.5, 'layer': 0}]
    """
    import pandas as pd

    frame, doubtful = line_frame(net, domain), 0
    positions, layers = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    with Effort().blas_threads(net):
        for part in walk(net, frame):
            made = np.flatnonzero(part.layers >= 0)
            positions.append(frame.coordinates(part.knots[made]))
            layers.append(part.layers[made])
            doubtful += part.doubtful
    _left(doubtful).warn("the breakpoints of a line")
    return pd.DataFrame({"position": np.concatenate(positions), "layer": np.concatenate(layers)})


def _left(doubtful: int) -> Undecided:
    return Undecided(doubtful, RESOLUTION)


class _Tally:
    """Breakpoints by layer and changes of the affine map, over the parts."""

    def __init__(self, layers: int) -> None:
        self.by_layer = np.zeros(layers, dtype=np.int64)
        self.bends = 0
        self.doubtful = 0

    @property
    def breakpoints(self) -> int:
        """How many there are."""
        return int(self.by_layer.sum())

    def add(self, part: LinePart) -> None:
        """Take in the next part."""
        made = part.layers[part.layers >= 0]
        self.by_layer += np.bincount(made, minlength=len(self.by_layer))
        self.bends += int(part.bends.sum())
        self.doubtful += part.doubtful


def _parts(
    net: ReLUNetwork, frame: LineFrame, outputs: bool, effort: Effort
) -> Generator[LinePart, None, None]:
    """Yield the parts of the line from left to right, found by the effort's workers."""
    if effort.n_jobs in (None, 1):
        yield from walk(net, frame, outputs=outputs, effort=effort)
        return
    with effort.shared() as told, closing(_spread(net, frame, outputs, told)) as parts:
        yield from joined(net, frame, parts, outputs)


def _spread(
    net: ReLUNetwork, frame: LineFrame, outputs: bool, effort: Effort
) -> Generator[LinePart, None, None]:
    """Yield parts walked here, and once the rest would take long, those that workers walk.

    A piece of the line costs as much as its knots, and a pass through the network: short lines are
    walked faster in one piece than in many, and workers get pieces about as long as those here.
    """
    begun, start = time.thread_time(), effort.seconds_to_start("threads")
    done, length = 0.0, 1.0

    def is_long() -> bool:
        took = time.thread_time() - begun
        return took >= start and took * (1.0 - done) >= 10 * start * done

    rest = [(number, -1.0) for number in range(len(frame.knots) - 1)]
    while rest and not is_long():
        number, first = rest.pop(0)
        for part in walk_between(net, frame, number, (first, 1.0), outputs, effort):
            yield part
            length = _share(frame, part)
            done += length
            if part.end < 1.0 and is_long():
                rest.insert(0, (number, part.end))
                break
    if rest:
        pieces = np.clip(
            (1.0 - done) / max(length, 1e-9), _FEWEST * effort.workers, _MOST * effort.workers
        )
        yield from _walked_by_workers(net, frame, outputs, effort, rest, round(pieces))


def _walked_by_workers(
    net: ReLUNetwork,
    frame: LineFrame,
    outputs: bool,
    effort: Effort,
    rest: list[tuple[int, float]],
    pieces: int,
) -> Generator[LinePart, None, None]:
    """Yield the parts of what is left of stretches, each from a place to its end."""
    each = max(1, pieces // len(rest))
    tasks = [
        (number, ends, effort) for number, first in rest for ends in pairwise(_cuts(first, each))
    ]
    running = effort.results_of(
        _walked, list(enumerate(tasks)), (net, frame, outputs), prefer="threads", ordered=True
    )
    with closing(running) as results:
        yield from _in_a_row(results)


def _in_a_row(results: Iterable[tuple[Any, tuple[list[LinePart], bool]]]) -> Iterator[LinePart]:
    """Yield the parts up to the first one that is missing; raise OutOfTime if one is."""
    for _, (parts, finished) in results:
        yield from parts
        if not finished:
            raise OutOfTime


def _share(frame: LineFrame, part: LinePart) -> float:
    """Return how much of the line a part covers: of its length, or seen from a point beside it."""
    ends = np.vstack([frame.knots[[0, -1]], part.knots[[0, -1]]])
    bounded = (frame.knots[:, 1] > 0).all()
    at = ends[:, 0] / ends[:, 1] if bounded else np.arctan2(ends[:, 0], ends[:, 1])
    return float((at[3] - at[2]) / (at[1] - at[0]))


def _cuts(first: float, pieces: int) -> list[float]:
    """Return a place, 1 and generic places between them."""
    shares = np.arange(1, pieces) + np.random.default_rng(0).uniform(-0.2, 0.2, pieces - 1)
    return [first, *(first + (1.0 - first) * shares / pieces).tolist(), 1.0]


def _walked(
    number: int,
    places: tuple[float, float],
    effort: Effort,
    net: ReLUNetwork,
    frame: LineFrame,
    outputs: bool,
) -> tuple[list[LinePart], bool]:
    """Return what was walked, from left to right, and whether that is all."""
    parts: list[LinePart] = []
    try:
        for part in walk_between(net, frame, number, places, outputs, effort):
            parts.append(part)
    except OutOfTime:
        return parts, False
    return parts, True
