"""One region of a ReLU network: where it is, which units are active, what the network is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.results import Result, jsonable

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Region(Result):
    """A full-dimensional activation region (a convex cell) within the domain.

    Coordinates t are those of the domain: the input itself for a box or the whole space, the
    slice's own coordinates for a slice. On the region ``net(x(t)) == slope @ t + offset``, and
    in input space ``net(x) == A @ x + c``.

    Attributes
    ----------
    pattern : (units,) bool array
        Which hidden units are active (preactivation > 0), layer by layer. A unit that is
        identically zero on the region counts as inactive.
    point : (n0,) array
        An interior point, in input space, rounded: of a region that is narrower than float64
        numbers are apart, it lies beside it.
    coordinates : (d,) array
        The same point in the domain's coordinates.
    slope, offset : (outputs, d) and (outputs,) arrays
        The network's affine map on the region, in the domain's coordinates.
    normals, offsets : (facets, d) and (facets,) arrays
        The facets: the region is where ``normals @ t + offsets >= 0``, and no row is redundant.
    units : (facets,) int array
        Which hidden unit (index into `pattern`) changes at each facet; -1 on the domain's
        own boundary.
    network : ReLUNetwork
        The network the region belongs to.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> found = list(regions.enumerate_regions(net, regions.Box.cube(2, -1.0, 1.0)))
    >>> first = next(region for region in found if region.pattern.all())
    >>> first.A.tolist(), first.c.tolist(), sorted(first.units.tolist())
    ([[1.0, 1.0]], [0.0], [-1, -1, 0, 1])
    """

    pattern: np.ndarray
    point: np.ndarray
    coordinates: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    normals: np.ndarray
    offsets: np.ndarray
    units: np.ndarray
    network: ReLUNetwork = field(repr=False)

    @cached_property
    def _input_map(self) -> tuple[np.ndarray, np.ndarray]:
        return affine_map(self.network, self.pattern)

    @property
    def A(self) -> np.ndarray:
        """The network's Jacobian on the region, shape (outputs, n0)."""
        return self._input_map[0]

    @property
    def c(self) -> np.ndarray:
        """The network's constant term on the region: ``net(x) == A @ x + c``."""
        return self._input_map[1]

    def to_dict(self) -> dict[str, Any]:
        """Return pattern, point, map and facets as JSON-ready lists."""
        names = (
            "pattern",
            "point",
            "coordinates",
            "slope",
            "offset",
            "normals",
            "offsets",
            "units",
        )
        return jsonable({name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Return one sentence: how many units are active and how many facets there are."""
        active, inner = int(self.pattern.sum()), int((self.units >= 0).sum())
        return (
            f"region with {active} of {self.pattern.size} units active and {len(self.units)} "
            f"facets, {inner} of them shared with other regions"
        )


def affine_map(net: ReLUNetwork, pattern: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return A (outputs, n0) and c (outputs,) of the map that `net` is under `pattern`."""
    size = net.input_size
    rows = np.vstack([np.eye(size), np.zeros((1, size))])
    homogeneous = np.append(np.zeros(size), 1.0)
    state, first = net.start(rows), 0
    for index, layer in enumerate(net.relu_layers):
        _, state = net.advance(state, index, homogeneous)
        active = pattern[first : first + layer.size]
        multiplier = np.where(active, 1.0, layer.slope)
        state = net.activate(state, index, np.broadcast_to(multiplier, (size + 1, layer.size)))
        first += layer.size
    outputs, _ = net.advance(state, len(net.relu_layers), homogeneous)
    outputs = np.asarray(outputs).reshape(size + 1, -1)
    return outputs[:-1].T.copy(), outputs[-1].copy()
