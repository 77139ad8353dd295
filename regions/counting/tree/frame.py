"""The domain in coordinates of size about one, and the network's columns in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from scipy.linalg import qr
from scipy.sparse import csr_array
from scipy.sparse.csgraph import structural_rank

from regions.counting.exact.forms import Forms, Place, side_numbers
from regions.counting.exact.precise import power_of_two
from regions.counting.exact.rounding import UNIT, Rounding, grid
from regions.counting.scale import typical_distance
from regions.counting.tree.extent import Extent
from regions.exact.scaled import Scaled, joined
from regions.networks import Box, ReLUNetwork, Slice

ARTIFICIAL = -1
_LARGEST_CHAIN = 20_000_000
_LEAST = 2.0**-1074


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """Coordinates y of the domain, exactly: its own coordinates are ``center + y @ axes``.

    Own coordinates are the inputs, or for a slice the multiples of the differences between its
    first point and the others (see `Place.of`). In an open domain on which the network depends on
    fewer directions only, y has as many.

    Attributes
    ----------
    net : ReLUNetwork
    domain : Box, Slice or None
    center : (own dimension,) array
    axes : (d, own dimension) array
    low, high : (d,) arrays
        Bounds of y, infinite where the domain is open: they hold for the whole domain.
    rows : (m, d + 1) array
        The domain is where ``rows[:, :d] @ y + rows[:, d] > 0`` within the bounds; the largest
        coefficient of each is about 1, and all are correctly rounded.
    low_sides, high_sides, row_sides : (d,), (d,) and (m,) int arrays
        The side of the domain (see `Place`) that each stands for; -1 where a bound stands for none
        (then it lies outside the domain).
    columns : (d + 1, n0) array
        Inputs to push through the network: d directions, then the input at y = 0.
    cone : bool
        Whether y ends with a homogeneous coordinate (see `cone_over`).
    """

    net: ReLUNetwork
    domain: Box | Slice | None
    center: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray
    low_sides: np.ndarray
    high_sides: np.ndarray
    row_sides: np.ndarray
    columns: np.ndarray
    cone: bool = False

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return len(self.low)

    @cached_property
    def place(self) -> Place:
        """The domain in these coordinates, exactly."""
        return Place.of(self.domain, self.net.input_size, self.center, self.axes)

    @cached_property
    def forms(self) -> Forms:
        """The network's units in these coordinates, exactly."""
        return Forms(self.net, self.place, self.cone)

    @cached_property
    def rounding(self) -> Rounding:
        """How far float64 values in these coordinates can be off."""
        return Rounding(self.net, grid([self.columns]))

    @cached_property
    def column_errors(self) -> np.ndarray:
        """How far each entry of `columns` can be off: half a unit in the last place, or zero."""
        if not isinstance(self.domain, Slice):
            return np.zeros(self.columns.shape)
        exact = joined([self.place.directions, self.place.start.reshape(1, -1)])
        rows = len(exact.ints)
        off = Scaled.of(self.columns[:rows]) - exact
        differs = np.array([number != 0 for number in off.ints.flat]).reshape(off.shape)
        found = np.zeros(self.columns.shape)
        found[:rows] = np.where(differs, 2 * UNIT * np.abs(self.columns[:rows]) + 1e-300, 0.0)
        return found

    @cached_property
    def reported(self) -> tuple[np.ndarray, np.ndarray]:
        """Center and axes in the coordinates that a region reports: lengths along a slice."""
        if not isinstance(self.domain, Slice):
            return self.center, self.axes
        turn = (self.domain.points[1:] - self.domain.points[0]) @ self.domain.basis.T
        return self.center @ turn, self.axes @ turn

    @cached_property
    def back(self) -> np.ndarray:
        """Matrix that takes reported coordinates (less their center) to y."""
        axes = self.reported[1]
        # coordinates may be of very different size: none is too small to count
        return np.linalg.inv(axes) if len(axes) == axes.shape[1] else np.linalg.pinv(axes, rcond=0)

    @property
    def walls(self) -> np.ndarray:
        """Where the sides are that the bounds stand for, (2, d): exactly, or NaN."""
        found = np.stack([self.low, self.high])
        own = (np.zeros(1), np.ones(1))  # of a segment
        if isinstance(self.domain, Box):
            own = (self.domain.low, self.domain.high)
        for row, bounds, sides in zip(found, own, (self.low_sides, self.high_sides), strict=True):
            named = np.flatnonzero(sides != ARTIFICIAL)
            if len(named):
                row[named] = _less(bounds[named], self.center[named]) / np.diag(self.axes)[named]
        return found

    @property
    def bounded(self) -> bool:
        """Whether every coordinate has two finite bounds."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @property
    def homogeneous(self) -> np.ndarray:
        """1 for the row of `columns` that is a point, 0 for the directions."""
        flags = np.zeros(len(self.columns))
        flags[len(self.axes)] = 1.0
        return flags

    def coordinates(self, y: np.ndarray) -> np.ndarray:
        """Return the coordinates that a region reports at `y`, (..., d)."""
        if self.cone:
            y = y[..., :-1] / y[..., -1:]
        center, axes = self.reported
        return center + y @ axes


def frame_of(
    net: ReLUNetwork, domain: Box | Slice | None, check: Callable[[], None] = lambda: None
) -> Frame:
    """Return the frame of `domain` (None: the whole input space); `check` raises if time is up."""
    n0 = net.input_size
    own = _own(domain, n0)
    low, high, sides, rest = _bounds(own, domain, n0, check)
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore", over="ignore"):
        center = np.where(finite, low / 2 + high / 2, np.clip(0.0, low, high))
        half = np.maximum(high / 2 - low / 2, _LEAST)  # which underflows
        radius = np.where(finite, half, 1.0 if finite.all() else typical_distance(net, own))
    radius = np.where((radius > 0) & np.isfinite(radius), radius, 1.0)
    # powers of two keep what is exact exact
    axes = np.diag(power_of_two(radius))
    if not (np.isfinite(low).any() or np.isfinite(high).any() or len(rest)):
        columns = np.vstack([axes @ own[:-1], own[-1] + center @ own[:-1]])
        turn = _relevant_directions(net, columns, check)
        axes, low, high = turn @ axes, low[: len(turn)], high[: len(turn)]
        sides = [side[: len(turn)] for side in sides]
    columns, rows = np.vstack([axes, center]), np.zeros((0, len(axes) + 1))
    if isinstance(domain, Slice):
        place = Place.of(domain, n0, center, axes)
        columns = joined([place.directions, place.start.reshape(1, -1)]).floats()
        rows = rounded(place.rows) if len(rest) else rows
    scale = np.diag(axes) if len(axes) == axes.shape[1] else np.ones(len(axes))
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = (low - center[: len(low)]) / scale, (high - center[: len(high)]) / scale
    return Frame(
        net=net,
        domain=domain,
        center=center,
        axes=axes,
        low=low - 4 * UNIT * np.abs(low),
        high=high + 4 * UNIT * np.abs(high),
        rows=rows,
        low_sides=sides[0],
        high_sides=sides[1],
        row_sides=rest,
        columns=columns,
    )


def cone_over(frame: Frame) -> Frame:
    """Return an open domain as a truncated cone: y = (t z, t) with |t z| <= 1 and 0 <= t <= 1.

    Regions become cones with apex 0, one to one, and every coordinate is bounded.
    """
    d = frame.dimension
    both = np.concatenate([frame.low_sides, frame.high_sides])
    named = np.flatnonzero(np.isin(frame.place.numbers, both[both != ARTIFICIAL]))
    rows = np.vstack([frame.rows, rounded(frame.place.rows[named])])
    return replace(
        frame,
        low=np.append(-np.ones(d), 0.0),
        high=np.ones(d + 1),
        low_sides=np.full(d + 1, ARTIFICIAL),
        high_sides=np.full(d + 1, ARTIFICIAL),
        rows=np.column_stack([rows, np.zeros(len(rows))]),
        row_sides=np.append(frame.row_sides, frame.place.numbers[named]),
        columns=np.vstack([frame.columns, np.zeros_like(frame.columns[:1])]),
        cone=True,
    )


def _own(domain: Box | Slice | None, n0: int) -> np.ndarray:
    """Return the inputs that own coordinates stand for: directions, then the point at 0."""
    if isinstance(domain, Slice):
        return np.vstack([domain.points[1:] - domain.points[0], domain.points[0]])
    return np.vstack([np.eye(n0), np.zeros(n0)])


def _bounds(own: np.ndarray, domain: Box | Slice | None, n0: int, check: Callable[[], None]):
    """Return bounds of every own coordinate, their sides, and the sides that these leave out."""
    d = len(own) - 1
    low, high = np.full(d, -np.inf), np.full(d, np.inf)
    sides = [np.full(d, ARTIFICIAL), np.full(d, ARTIFICIAL)]
    if domain is None:
        return low, high, sides, np.arange(0)
    if isinstance(domain, Box):
        sides = [np.arange(n0), n0 + np.arange(n0)]
        sides = [
            np.where(np.isfinite(bound), side, ARTIFICIAL)
            for bound, side in zip((domain.low, domain.high), sides, strict=True)
        ]
        return domain.low, domain.high, sides, np.arange(0)
    if domain.segment:
        return np.zeros(1), np.ones(1), [np.zeros(1, int), np.ones(1, int)], np.arange(0)
    if domain.box is None:
        return low, high, sides, np.arange(0)
    rest = side_numbers(domain)
    low, high = Extent(domain, rest, check).bounds()
    return low, high, sides, rest


def rounded(rows: Scaled) -> np.ndarray:
    """Return forms as float64 rows, correctly rounded, each times a power of two."""
    found = np.zeros(rows.shape)
    for i, row in enumerate(rows.ints):
        scale = 1 << max(abs(number) for number in row).bit_length()
        found[i] = [number / scale for number in row]  # Python rounds quotients correctly
    return found


def _relevant_directions(
    net: ReLUNetwork, columns: np.ndarray, check: Callable[[], None]
) -> np.ndarray:
    """Return rows that span the directions on which the first layer depends, or all directions.

    All, if the input is used again further on (a residual skip), or if the rank in float64 is not
    certainly the rank of the weights: the structural rank is never below it.
    """
    d = len(columns) - 1
    everything = np.eye(d)
    if not net.relu_layers or _is_large(net):
        return everything
    forms, _ = net.advance(net.start(columns[:-1]), 0, 0.0)
    largest = np.abs(forms).max(axis=0)
    kept = (largest > 0) & np.isfinite(largest)
    live = forms[:, kept] / largest[kept]
    check()
    left, sizes = np.zeros((d, 0)), np.zeros(0)
    if live.size:
        left, table, _ = cast(Any, qr(live, mode="economic", pivoting=True))
        sizes = np.abs(np.diag(table))
    rank = int((sizes > 1e-10 * sizes.max(initial=0.0)).sum())
    if rank == d or (first := net.layers()[0]).carried:
        return everything
    exact = first.matrix[: net.relu_layers[0].size]
    check()
    if rank < structural_rank(csr_array(exact)) or not _has_rank(exact.toarray(), rank):
        return everything
    return left[:, :rank].T


def _has_rank(matrix: np.ndarray, rank: int) -> bool:
    """Tell whether so many rows are certainly independent: a square part has an inverse X.

    It has one if ``X M - 1`` is smaller than 1 in the largest sum of a row's sizes, with what was
    rounded [1]_.

    .. [1] S. M. Rump, Verification methods, Acta Numerica 19 (2010), section 10.
    """
    with np.errstate(all="ignore"):
        rows = matrix[np.abs(matrix).max(axis=1, initial=0.0) > 0]
        rows = rows / power_of_two(np.abs(rows).max(axis=1))[:, None]
        rows = rows[cast(Any, qr(rows.T, mode="r", pivoting=True))[1][:rank]]
        part = rows[:, cast(Any, qr(rows, mode="r", pivoting=True))[1][:rank]]
        try:
            inverse = np.linalg.inv(part)
        except np.linalg.LinAlgError:
            return False
        sizes = np.abs(inverse) @ np.abs(part)
        off = np.abs(inverse @ part - np.eye(rank)) + 2 * (rank + 4) * UNIT * (sizes + 1.0)
        # what dividing lost by underflow is smaller than any number that counts
        off += 2 * rank * 1e-300 * (1.0 + np.abs(inverse).max(initial=0.0))
        return bool((off.sum(axis=1) < 0.5).all())


def _is_large(net: ReLUNetwork) -> bool:
    """Tell whether the network is too large for its chain of sparse matrices."""
    largest = max((layer.size for layer in net.relu_layers), default=0)
    return largest * largest * len(net.relu_layers) > _LARGEST_CHAIN


def _less(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return the differences that are float64 numbers, NaN for the others."""
    with np.errstate(invalid="ignore", over="ignore"):
        gap = one - two
        rest = gap + two  # what was rounded away, by Knuth's sum
        off = (one - rest) - (two - (rest - gap))
    return np.where(off == 0.0, gap, np.nan)
