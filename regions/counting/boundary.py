"""The decision boundary of a classifier on a plane: where its two largest outputs are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.counting.plane.explorer import PlaneCells
from regions.counting.plane.planar import PlanarFrame, planar_frame
from regions.counting.plane.plane import plane_cells
from regions.errors import ArgumentError
from regions.networks import Box, Slice, as_domain, as_network
from regions.networks.pieces import Pieces
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SAMPLES = 16  # points of a segment at which its distance from another boundary is looked at
_AT_ONCE = 2**20  # distances computed together
_ALIKE = 10  # decimals to which the ends of two segments agree that are one


@dataclass(frozen=True, eq=False, repr=False)
class DecisionBoundary(Result):
    """The linear pieces of a decision boundary on a plane, one for each region that it crosses.

    Attributes
    ----------
    plane : Box or Slice
    segments : (pieces, 2, 2) array
        Their two ends in the plane's own coordinates.
    classes : (pieces, 2) int array
        The two outputs that are equal and largest there, the smaller number first; (0, 1) where a
        single output vanishes.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [2.0, 2.0]), ([[1.0, -1.0]], [0.0])])
    >>> found = regions.decision_boundary(net, regions.Box.cube(2, -1.0, 1.0))
    >>> found.classes.tolist(), found.moved(found, within=0.1)
    ([[0, 1]], 0.0)
    """

    plane: Box | Slice
    segments: np.ndarray
    classes: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """The length of every piece."""
        return np.linalg.norm(self.segments[:, 1] - self.segments[:, 0], axis=1)

    @property
    def length(self) -> float:
        """The length of the whole boundary."""
        return float(self.lengths.sum())

    def moved(self, other: DecisionBoundary, within: float) -> float:
        """Return the share of this boundary's length that is farther than `within` from another.

        Looked at are 16 points of each piece. NaN if there is no boundary here; 1 if there is none
        in the other.

        Raises
        ------
        ArgumentError
            If `within` is no positive number.
        """
        if not within > 0:
            raise ArgumentError(f"within is {within!r}; expected a distance above 0")
        if not len(self.segments):
            return float("nan")
        if not len(other.segments):
            return 1.0
        shares = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
        start, end = self.segments[:, :1], self.segments[:, 1:]
        points = (start + shares[None, :, None] * (end - start)).reshape(-1, 2)
        far = _distances(points, other.segments) > within
        return float((far.reshape(-1, _SAMPLES).mean(axis=1) * self.lengths).sum() / self.length)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per piece: x1, y1, x2, y2, length, class_1, class_2."""
        import pandas as pd

        ends = pd.DataFrame(self.segments.reshape(-1, 4), columns=["x1", "y1", "x2", "y2"])
        one, two = self.classes.T
        return ends.assign(length=self.lengths, class_1=one, class_2=two)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        names = ("segments", "classes", "length")
        return jsonable({name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Return one sentence."""
        between = len(np.unique(self.classes, axis=0))
        return (
            f"decision boundary of length {self.length:.4g} in {len(self.segments)} linear pieces, "
            f"between {between} pairs of classes"
        )

    def plot(self, ax: Axes | None = None, colour: str = "black", linewidth: float = 1.6) -> Axes:
        """Draw the boundary in the plane's own coordinates."""
        import matplotlib.pyplot as plt
        from matplotlib.collections import LineCollection

        ax = plt.gca() if ax is None else ax
        ax.add_collection(
            LineCollection(list(self.segments), colors=colour, linewidths=linewidth, zorder=3)
        )
        ax.autoscale_view()
        return ax


def decision_boundary(
    net: Any,
    plane: Box | Slice | tuple[Any, Any],
    input_shape: Sequence[int] | None = None,
) -> DecisionBoundary:
    """Return where the two largest outputs of a network are equal on a bounded plane.

    Every region has one affine map, so in it the boundary is made of segments: they follow from
    the exact regions in float64. With a single output, the boundary is where it vanishes. Where
    outputs are equal on a whole region there is none.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    plane : Box, Slice or pair (low, high)
        Two-dimensional and bounded.
    input_shape : sequence of int, optional
        Shape of one input, for models that start with a convolution.

    Raises
    ------
    DomainError
        If the plane is not two-dimensional or is unbounded.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [2.0, 2.0]), ([[1.0, -1.0]], [0.0])])
    >>> found = regions.decision_boundary(net, regions.Box.cube(2, -1.0, 1.0))
    >>> found.segments.round(6).tolist(), round(found.length, 6)
    ([[[-1.0, -1.0], [1.0, 1.0]]], 2.828427)
    """
    network = as_network(net, input_shape)
    where = as_domain(plane, network.input_size)
    frame, pieces = planar_frame(network, where), Pieces(network.graph)
    segments, classes = [np.zeros((0, 2, 2))], [np.zeros((0, 2), dtype=np.int64)]
    names: list[bytes] = []
    for cells in plane_cells(network, frame):
        found, pairs, owners = _of_cells(frame, cells)
        segments.append(found)
        classes.append(pairs)
        if pieces.maxima:
            names.extend(pieces.names(cells.patterns[owners]))
    assert where is not None  # `plane_cells` refuses what is unbounded
    all_, pairs = np.concatenate(segments), np.concatenate(classes)
    if pieces.maxima:
        all_, pairs = _joined(all_, pairs, names)
    return DecisionBoundary(where, *_once(all_, pairs))


def _joined(
    segments: np.ndarray, classes: np.ndarray, names: list[bytes]
) -> tuple[np.ndarray, np.ndarray]:
    """Return one segment for each region and pair of classes: switches cut regions in cells.

    A region is convex and has one map, so that what its cells hold lies on one line without a gap.
    """
    ends: dict[tuple, list[np.ndarray]] = {}
    for name, pair, segment in zip(names, classes.tolist(), segments, strict=True):
        ends.setdefault((name, *pair), []).extend(segment)
    found = []
    for points in ends.values():
        array = np.array(points)
        along = array @ (array[1] - array[0])
        found.append(array[[along.argmin(), along.argmax()]])
    pairs = np.array([key[1:] for key in ends], dtype=np.int64).reshape(-1, 2)
    return np.array(found).reshape(-1, 2, 2), pairs


def _of_cells(frame: PlanarFrame, cells: PlaneCells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the segments in some cells, their classes, and the cell of each."""
    maps = cells.outputs
    if maps.shape[2] == 1:
        maps = np.concatenate([np.zeros_like(maps), maps], axis=2)
    ends, pairs, owners = [], [], []
    values = np.einsum("vk,vko->vo", cells.vertices, maps[cells.owner])
    leader = values.argmax(axis=1)
    # an output that leads at all vertices leads everywhere; ties at vertices are looked into
    ties = np.isclose(values, values.max(axis=1, keepdims=True), rtol=1e-12, atol=0).sum(axis=1) > 1
    mixed = (leader != leader[cells.following]) | ties
    for cell in np.unique(cells.owner[mixed]).tolist():
        polygon, own = cells.polygon(cell), maps[cell]
        at = polygon @ own
        near = np.flatnonzero(at.max(axis=0) >= at.min(axis=0).max())
        for a, b in combinations(near.tolist(), 2):
            chord = _chord(polygon, own[:, a] - own[:, b])
            others = near[(near != a) & (near != b)]
            chord = None if chord is None else _led(chord, own, a, others)
            if chord is not None:
                ends.append(frame.coordinates(chord))
                pairs.append((a, b))
                owners.append(cell)
    found = np.array(ends).reshape(-1, 2, 2)
    classes = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found, classes, np.array(owners, dtype=np.int64)


def _chord(polygon: np.ndarray, row: np.ndarray) -> np.ndarray | None:
    """Return the ends, (2, 3), of the part of a polygon on which row @ vertex is zero, or None."""
    size = np.abs(row).max()
    if size == 0:
        return None
    values = polygon @ (row / size)
    values[np.abs(values) <= 1e-13] = 0.0
    following, after = np.roll(polygon, -1, axis=0), np.roll(values, -1)
    crossed = values * after < 0
    share = values[crossed] / (values[crossed] - after[crossed])
    inner = polygon[crossed] + share[:, None] * (following[crossed] - polygon[crossed])
    points = np.vstack([polygon[values == 0], inner])
    return points[:2] if len(points) == 2 else None


def _led(chord: np.ndarray, maps: np.ndarray, label: int, others: np.ndarray) -> np.ndarray | None:
    """Return the part of a segment on which no output is larger than that of a label, or None."""
    low, high = 0.0, 1.0
    for one, two in (chord @ (maps[:, [label]] - maps[:, others])).T:
        if one < 0 and two < 0:
            return None
        if one * two < 0:
            place = one / (one - two)
            low, high = (max(low, place), high) if one < 0 else (low, min(high, place))
    if not low < high:
        return None
    return chord[0] + np.array([[low], [high]]) * (chord[1] - chord[0])


def _once(segments: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out segments of no length, and those that two cells share a second time."""
    long = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1) > 0
    segments, classes = segments[long], classes[long]
    swap = (segments[:, 0] > segments[:, 1])[:, 0] | (
        (segments[:, 0, 0] == segments[:, 1, 0]) & (segments[:, 0, 1] > segments[:, 1, 1])
    )
    ordered = np.where(swap[:, None, None], segments[:, ::-1], segments)
    keys = np.column_stack([np.round(ordered.reshape(-1, 4), _ALIKE) + 0.0, classes])
    _, kept = np.unique(keys, axis=0, return_index=True)
    return ordered[np.sort(kept)], classes[np.sort(kept)]


def _distances(points: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the distance of each point from the nearest of some segments."""
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    squares, found = (along**2).sum(axis=1), np.empty(len(points))
    step = max(1, _AT_ONCE // len(segments))
    for at in range(0, len(points), step):
        away = points[at : at + step, None] - start
        share = np.clip((away * along).sum(axis=2) / squares, 0.0, 1.0)
        found[at : at + step] = np.linalg.norm(away - share[..., None] * along, axis=2).min(axis=1)
    return found
