"""How far a point is from the boundary of its own region, and which unit makes it.

On a point's region every preactivation is affine, z + g . d at the point plus d, and so is the lead
of the largest value of a maximum over each other one (`walls`). So the region is an intersection of
halfspaces, and the nearest boundary is the least of abs(z) / norm(g) over all of them: the 2-norm
of g for Euclidean distances, the 1-norm for distances in the maximum norm.

Where the Jacobian of all units is cheap it is made column by column, all points together. In large
networks it is not; there a few random directions tell, for all units at once, how large a gradient
can be at the most, and only the few units that may be nearest get their gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp
from typing import Any, Literal

import numpy as np
import torch

from regions.choices import check_name
from regions.neighbourhoods.linearised import (
    Linearised,
    preactivations,
    supports,
)
from regions.neighbourhoods.walls import Walls, walls_of
from regions.networks import ReLUNetwork

METHODS = ("auto", "columns", "probes")
Method = Literal["auto", "columns", "probes"]
_CHEAP = 1_000_000_000  # products for one point's whole Jacobian
_BYTES = 2**26  # of what is held for some points at once
_CACHED = 2**22  # of one layer's columns: more would be read from memory again and again
_PROBES, _FACTOR = 32, 5.0
_FIRST, _MORE, _ROWS = 4, 16, 64  # units looked at for a point: at first, then at a time; at once
_SLACK = 1.001  # probes are pushed in float32


@dataclass(frozen=True)
class Nearest:
    """The nearest boundary of each point's own region, in two norms.

    Attributes
    ----------
    distance, distance_max : (points,) arrays
        Euclidean, and in the maximum norm; infinite where no unit depends on the input.
    layer, unit, layer_max, unit_max : (points,) int arrays
        The ReLU layer and the unit in it that make it; -1 where there is none. The units of maxima
        are their switches, here the one where the two values meet.
    failure : float
        The probability, for each point, that random directions hid a nearer boundary (0 where the
        whole Jacobian was made).

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[3.0, 4.0]], [0.0]), ([[1.0]], [0.0])])
    >>> (found,) = nearest_boundaries(net, np.array([[1.0, 0.5]]))
    >>> found.unit.tolist(), found.failure
    ([0], 0.0)
    """

    distance: np.ndarray
    layer: np.ndarray
    unit: np.ndarray
    distance_max: np.ndarray
    layer_max: np.ndarray
    unit_max: np.ndarray
    failure: float = 0.0

    @classmethod
    def joined(cls, parts: list[Nearest]) -> Nearest:
        """Return all points of several."""
        names = ("distance", "layer", "unit", "distance_max", "layer_max", "unit_max")
        arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
        return cls(*arrays, failure=max(part.failure for part in parts))


def nearest_boundaries(
    net: ReLUNetwork,
    points: np.ndarray,
    method: Method = "auto",
    rng: np.random.Generator | int | None = 0,
) -> Iterator[Nearest]:
    """Yield the nearest boundaries of some points at a time, in their order.

    Parameters
    ----------
    net : ReLUNetwork
    points : (points, n0) array
    method : {"auto", "columns", "probes"}
        "columns" makes every unit's gradient. "probes" bounds all of them by random directions,
        and makes those of units that may be nearest; the probability that one was missed is
        ``failure``. "auto" takes columns where they are cheap.
    rng : int, Generator or None
        Draws the directions.

    Notes
    -----
    For a Gaussian direction v, g . v is normal with variance norm(g)^2. The mean of k squares is
    less than norm(g)^2 / f^2 with probability at most (e^(1 - 1 / f^2) / f^2)^(k / 2), a Chernoff
    bound; k = 32 and f = 5 make it 2e-16 for a unit.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[3.0, 4.0]], [0.0]), ([[1.0]], [0.0])])
    >>> (found,) = nearest_boundaries(net, np.array([[1.0, 0.5]]))
    >>> found.distance.tolist(), found.distance_max.round(6).tolist()
    ([1.0], [0.714286])
    """
    check_name("method", method, METHODS)
    if method == "auto":
        cheap = net.input_size * net.graph.products <= _CHEAP
        method = "columns" if cheap else "probes"
    if method == "columns":
        return _by_columns(net, points)
    return _by_probes(net, points, np.random.default_rng(rng))


def jacobians(net: ReLUNetwork, points: np.ndarray) -> Iterator[tuple[slice, list, list]]:
    """Yield some points at a time: all preactivations, and their Jacobians, layer by layer.

    These are (points, units) and (points, n0, units) arrays; the first layer's Jacobian, which all
    points share, has one point only.
    """
    n0, layers = net.input_size, len(net.relu_layers)
    if not layers:
        return
    first, begun = net.advance(net.start(np.eye(n0)), 0, 0.0)
    largest = max(*net.widths[1:], *(walls.size for walls in walls_of(net)))
    step = max(1, _CACHED // (8 * n0 * largest))
    for start in range(0, len(points), step):
        part = slice(start, min(start + step, len(points)))
        values, _ = preactivations(net, points[part])
        count = len(values[0])
        state = begun.map(lambda value, n=count: np.tile(value, (n, *[1] * (value.ndim - 1))))
        found = [first[None]]
        for layer in range(layers - 1):
            slopes = net.slopes(layer, values[layer] > 0)
            state = net.activate(state, layer, np.repeat(slopes, n0, axis=0))
            columns, state = net.advance(state, layer + 1, 0.0)
            found.append(columns.reshape(count, n0, -1))
        yield part, values, found


def walls_at(net: ReLUNetwork, points: np.ndarray) -> Iterator[tuple[slice, list, list]]:
    """Yield some points at a time: slopes of all layers, and values and Jacobians of their walls.

    The latter are pairs of arrays as `jacobians` has them, one for each of `walls_of`.
    """
    walls = walls_of(net)
    for part, values, columns in jacobians(net, points):
        slopes = slopes_of(net, values)
        across = [slope[:, None] for slope in slopes]
        yield (
            part,
            slopes,
            [(each.values(values, slopes), each.values(columns, across)) for each in walls],
        )


def _by_columns(net: ReLUNetwork, points: np.ndarray) -> Iterator[Nearest]:
    if not net.relu_layers:
        yield _none(len(points))
    walls = walls_of(net)
    for _, slopes, found in walls_at(net, points):
        pairs = []
        for norm in (_two_norm, _one_norm):
            distance, wall = _least([_ratio(np.abs(size), norm(rows)) for size, rows in found])
            pairs.append((distance, *_makers(walls, wall, slopes)))
        yield Nearest(*pairs[0], *pairs[1])


def slopes_of(net: ReLUNetwork, values: list[np.ndarray]) -> list[np.ndarray]:
    """Return what every layer multiplies its units by, given their preactivations."""
    return [net.slopes(layer, value > 0) for layer, value in enumerate(values)]


def _makers(
    walls: tuple[Walls, ...], chosen: np.ndarray, slopes: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the layer and the unit that make each row's wall, all walls being numbered in a row.

    Both are -1 where there is none, -1.
    """
    layer, unit = np.full(len(chosen), -1), np.full(len(chosen), -1)
    ends = np.cumsum([each.size for each in walls])
    group = np.searchsorted(ends, chosen, side="right")
    for number, each in enumerate(walls):
        rows = np.flatnonzero((chosen >= 0) & (group == number))
        if len(rows):
            own = chosen[rows] - (ends[number] - each.size)
            layer[rows], unit[rows] = each.makers(own, [slope[rows] for slope in slopes])
    return layer, unit


def _two_norm(columns: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("pnu,pnu->pu", columns, columns))


def _one_norm(columns: np.ndarray) -> np.ndarray:
    return np.abs(columns).sum(axis=1)


def _ratio(sizes: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """Return sizes / norms, infinite where a unit does not depend on the input."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(norms > 0, sizes / norms, np.inf)


def _least(gaps: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the least of all distances, and the number of its wall, -1 where none is finite."""
    best, wall, start = np.full(len(gaps[0]), np.inf), np.full(len(gaps[0]), -1), 0
    for gap in gaps:
        own = gap.argmin(axis=1)
        least = gap[np.arange(len(gap)), own]
        nearer = least < best
        best[nearer], wall[nearer] = least[nearer], start + own[nearer]
        start += gap.shape[1]
    return best, wall


def _none(count: int) -> Nearest:
    far, nobody = np.full(count, np.inf), np.full(count, -1)
    return Nearest(far, nobody, nobody, far, nobody, nobody)


def _by_probes(net: ReLUNetwork, points: np.ndarray, rng: np.random.Generator) -> Iterator[Nearest]:
    if not net.relu_layers:
        yield _none(len(points))
        return
    walls = walls_of(net)
    small = 1.0 / _FACTOR**2
    failure = min(
        1.0, 2 * sum(each.size for each in walls) * (small * exp(1.0 - small)) ** (_PROBES / 2)
    )
    quick, precise = Linearised(net, torch.float32), Linearised(net, torch.float64)
    reads = supports(net)
    roots = np.concatenate([np.full(each.size, np.sqrt(reads[each.last])) for each in walls])
    largest = max(*net.widths, *(each.size for each in walls))
    step = max(1, _BYTES // (4 * _PROBES * largest * 4))
    for start in range(0, len(points), step):
        search = _Search.of(walls, points[start : start + step], quick, rng)
        pairs = []
        for factors, order in ((1.0 + 0.0 * roots, 2), (roots, 1)):
            pairs.append(search.least(quick, precise, factors, order))
        yield replace(Nearest(*pairs[0], *pairs[1]), failure=failure)


@dataclass(eq=False)
class _Search:
    """Some points, and all that is known of the gradients of their walls.

    Attributes
    ----------
    walls : tuple of Walls
    sizes, norms : (points, walls) arrays
        Absolute values, and estimates of the gradients' 2-norms.
    slopes : list of (points, units) arrays
        What every layer multiplies its units by.
    """

    walls: tuple[Walls, ...]
    sizes: np.ndarray
    norms: np.ndarray
    slopes: list[np.ndarray]

    @classmethod
    def of(
        cls,
        walls: tuple[Walls, ...],
        points: np.ndarray,
        quick: Linearised,
        rng: np.random.Generator,
    ) -> _Search:
        """Return what random directions tell about some points."""
        net = quick.net
        values, _ = preactivations(net, points)
        slopes = slopes_of(net, values)
        sizes = [np.abs(each.values(values, slopes)) for each in walls]
        rows, norms = len(points) * _PROBES, []
        directions = torch.as_tensor(rng.standard_normal((rows, net.input_size), np.float32))
        factors = [torch.as_tensor(slope, dtype=quick.dtype) for slope in slopes]
        across = [factor[:, None] for factor in factors]
        found: list[Any] = [None] * len(slopes)
        with torch.no_grad():
            for layer, along in enumerate(quick.layers(directions, factors[:-1])):
                found[layer] = along.reshape(len(points), _PROBES, -1)
                for each in walls:
                    if each.last == layer:
                        length = each.values(found, across).square().sum(dim=1).sqrt()
                        norms.append(length.numpy().astype(np.float64) / _PROBES**0.5)
                        for used in each.layers:
                            found[used] = None
        return cls(walls, np.hstack(sizes), np.hstack(norms), slopes)

    def least(
        self, quick: Linearised, precise: Linearised, factors: np.ndarray, order: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the nearest boundary of every point, its layer and its unit.

        Parameters
        ----------
        factors : (walls,) array
            The most by which the norm of a gradient is larger than its 2-norm.
        order : {2, 1}
        """
        count = len(self.sizes)
        # for those that vanish in every direction drawn, the gradient does too
        floor = _ratio(self.sizes, _SLACK * _FACTOR * factors * self.norms)
        best, wall = np.full(count, np.inf), np.full(count, -1)
        more, done = _FIRST, np.zeros(floor.shape, dtype=bool)
        while True:
            open_ = np.where(done, np.inf, floor)
            chosen = np.argpartition(open_, min(more, floor.shape[1] - 1), axis=1)[:, :more]
            rows = np.repeat(np.arange(count), chosen.shape[1])
            those = chosen.ravel()
            kept = open_[rows, those] < np.minimum(best[rows], np.finfo(float).max)
            rows, those = rows[kept], those[kept]
            if not len(rows):
                break
            found = _ratio(self.sizes[rows, those], self._norms(quick, rows, those, order))
            done[rows, those] = True
            for row, u, gap in zip(rows.tolist(), those.tolist(), found.tolist(), strict=True):
                if gap < best[row]:
                    best[row], wall[row] = gap, u
            more = _MORE
        rows = np.flatnonzero(wall >= 0)
        best[rows] = _ratio(
            self.sizes[rows, wall[rows]], self._norms(precise, rows, wall[rows], order)
        )
        return best, *_makers(self.walls, wall, self.slopes)

    def _norms(
        self, linear: Linearised, rows: np.ndarray, chosen: np.ndarray, order: int
    ) -> np.ndarray:
        """Return the norms of the gradients of some walls at some points."""
        ends = np.cumsum([each.size for each in self.walls])
        groups, found = np.searchsorted(ends, chosen, side="right"), np.zeros(len(chosen))
        for group in np.unique(groups).tolist():
            each, those = self.walls[group], np.flatnonzero(groups == group)
            start = ends[group] - each.size
            for at in range(0, len(those), _ROWS):
                some = those[at : at + _ROWS]
                slopes = [slope[rows[some]] for slope in self.slopes[: each.last + 1]]
                gradients = linear.gradients(each, chosen[some] - start, slopes)
                found[some] = np.linalg.norm(gradients, ord=order, axis=1)
        return found
