"""`local`: what the regions around single points look like, for networks of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from regions.arguments import is_number, is_whole
from regions.counting.count import count_regions
from regions.errors import ArgumentError
from regions.neighbourhoods.nearest import Method, Nearest, nearest_boundaries, walls_at
from regions.neighbourhoods.rays import orthonormal, rays_of, switching_units
from regions.networks import Box, ReLUNetwork, Slice, as_network
from regions.networks.deepest import deepest
from regions.progress import track
from regions.randomness import generator_of
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FEW = 8  # inputs for which a region's largest ball is sought, by a linear program per point
_LEVEL = 0.95


@dataclass(frozen=True, repr=False)
class Neighbourhoods(Result):
    """What lies around each point; ``to_frame()`` has one row per point.

    Attributes
    ----------
    frame : pandas.DataFrame
        `point`, `output` (the largest output, or the sign of a single one), `distance` to the
        nearest boundary of the point's own region with the `layer` and `unit` that make it, and
        `distance_max`, `layer_max`, `unit_max` in the maximum norm. For networks of at most 8
        inputs `ball`, the radius of the region's largest inscribed ball. With a radius also:
        `met`, the mean number of boundaries along a direction with its interval `met_low` to
        `met_high`, and `met_NAME` by layer; `complexity` (Humayun et al.) and `complexity_axes`,
        the exact number of units that switch along the axes; `decision`, the least distance to
        another class along the directions, and `decision_met`, the share of directions that meet
        one; `doubtful`, decisions that exact arithmetic could not reach. With `planes` also
        `plane_regions` and `plane_status`.
    radius : float or None
    directions : int
    failure : float
        The probability for each point that its nearest boundary was missed (0: it cannot be).

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[3.0, 4.0], [1.0, 0.0]], [0.0, 2.0]), ([[1.0, 1.0]], [0.0])])
    >>> found = regions.local(net, [[1.0, 0.5], [0.0, 0.1]])
    >>> found.to_frame()["unit"].tolist(), found.radius
    ([0, 0], None)
    """

    frame: pd.DataFrame
    radius: float | None
    directions: int
    failure: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row per point."""
        return self.frame.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        known = {"radius": self.radius, "directions": self.directions, "failure": self.failure}
        return jsonable({**known, "points": self.frame.to_dict("list")})

    def intervals(self, level: float = _LEVEL) -> pd.DataFrame:
        """Return mean, t interval and number of finite values of every measure, over the points."""
        import pandas as pd

        rows = []
        for name in self.frame.columns:
            if name in _NO_MEASURES or not pd.api.types.is_numeric_dtype(self.frame[name]):
                continue
            values = self.frame[name].to_numpy(dtype=float)
            values = values[np.isfinite(values)]
            mean, low, high = _interval(values, level)
            rows.append({"measure": name, "mean": mean, "low": low, "high": high, "n": len(values)})
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return a few lines: how near boundaries are, and what is met within the radius."""
        found = self.frame["distance"]
        lines = [
            f"{len(self.frame)} points; the nearest boundary of a point's own region is at "
            f"{found.median():.3g} (median; {found.min():.3g} to {found.max():.3g})"
        ]
        if self.radius is not None and len(self.frame):
            mean = self.intervals().set_index("measure")
            met, units = mean.loc["met"], mean.loc["complexity"]
            lines.append(
                f"within {self.radius:g} a direction meets {met['mean']:.3g} boundaries "
                f"[{met['low']:.3g}, {met['high']:.3g}]; local complexity {units['mean']:.3g}"
            )
        if self.failure:
            lines.append(
                f"a nearer boundary was missed with probability {self.failure:.1g} a point"
            )
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how distances to the nearest boundary are distributed, by layer."""
        import matplotlib.pyplot as plt
        import seaborn as sns

        ax = plt.gca() if ax is None else ax
        met: Any = self.frame[(self.frame["distance"] > 0) & np.isfinite(self.frame["distance"])]
        sns.histplot(
            met,
            x="distance",
            hue="layer",
            multiple="stack",
            log_scale=True,
            ax=ax,
            palette="viridis" if met["layer"].nunique() > 1 else None,
        )
        ax.set(xlabel="distance to the nearest boundary", ylabel="points")
        return ax


_NO_MEASURES = ("point", "output", "layer", "unit", "layer_max", "unit_max")


def local(
    net: Any,
    points: Any,
    radius: float | None = None,
    directions: int = 64,
    rng: int | np.random.Generator | None = 0,
    *,
    planes: bool = False,
    method: Method = "auto",
    input_shape: tuple[int, ...] | None = None,
    progress: bool = False,
) -> Neighbourhoods:
    """Measure the regions around points: how near boundaries are, and how many are close by.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    points : array of shape (points, n0) or (points, *input_shape)
    radius : float, optional
        How far to look along directions; None measures distances to the nearest boundary only.
    directions : int
        Even: so many rays from each point, along random orthogonal axes both ways.
    rng : int, Generator or None
        Draws axes and probes.
    planes : bool
        Count the regions of the plane through the first two axes, in the box of `radius` around
        the point, exactly.
    method : {"auto", "columns", "probes"}
        How the nearest boundary is found (`nearest_boundaries`).
    input_shape : tuple of int, optional
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Neighbourhoods

    Raises
    ------
    ArgumentError
        If points, radius or directions are not what they should be.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[3.0, 4.0], [1.0, 0.0]], [0.0, 2.0]), ([[1.0, 1.0]], [0.0])])
    >>> found = regions.local(net, [[1.0, 0.5], [0.0, 0.1]], radius=2.0, directions=2)
    >>> found.to_frame()["distance"].round(6).tolist()
    [1.0, 0.08]

    Notes
    -----
    Distances are exact up to float64: the least abs(preactivation) / norm(gradient) of all units. A
    maximum (max pooling, maxout) is one unit of as many pieces as it has values, and ends where
    another value takes the lead; `unit` is then the switch of the two in `layer`. Where values tie
    at a point itself, as in the background of images, it lies on a boundary: distance 0.
    """
    network = as_network(net, input_shape)
    array = _points(network, points)
    _check(radius, directions, planes, network)
    draw = generator_of(rng)
    with track(None, show=progress, label="points", total=len(array)) as bar:
        parts = []
        for part in nearest_boundaries(network, array, method, draw):
            parts.append(part)
            bar.update(len(part.distance) if radius is None else 0)
        nearest = Nearest.joined(parts)
        columns = _columns(network, array, nearest)
        if radius is not None:
            rows = []
            for point in array:
                axes = orthonormal(draw, network.input_size, directions // 2)
                rows.append(_around(network, point, axes, float(radius), planes))
                bar.update()
            columns |= {name: [row[name] for row in rows] for name in rows[0]}
    import pandas as pd

    return Neighbourhoods(pd.DataFrame(columns), radius, directions, nearest.failure)


def _points(net: ReLUNetwork, points: Any) -> np.ndarray:
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"points are no array of numbers ({error})") from None
    if (
        array.ndim < 2
        or not len(array)
        or array.shape[1:] not in ((net.input_size,), net.input_shape)
    ):
        raise ArgumentError(
            f"points have shape {array.shape}; expected (points, *{net.input_shape}) or (points, "
            f"{net.input_size}), at least one point"
        )
    if not np.isfinite(array).all():
        raise ArgumentError("points hold NaN or infinite values; give finite inputs")
    return array.reshape(len(array), -1)


def _check(radius: Any, directions: Any, planes: bool, net: ReLUNetwork) -> None:
    if radius is not None and not (is_number(radius) and radius > 0):
        raise ArgumentError(f"radius is {radius!r}; expected a number above 0, or None")
    if not is_whole(directions) or directions < 2 or directions % 2:
        raise ArgumentError(
            f"directions is {directions!r}; expected an even number of at least 2: axes are looked "
            "along both ways"
        )
    if planes and (radius is None or directions < 4 or net.input_size < 2):
        raise ArgumentError(
            "planes=True counts regions in the plane of the first two axes: give a radius, at "
            "least 4 directions, and a network of at least 2 inputs"
        )


def _columns(net: ReLUNetwork, points: np.ndarray, nearest: Nearest) -> dict[str, Any]:
    outputs = np.concatenate([net(part).reshape(len(part), -1) for part in _parts(net, points)])
    label = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).astype(int)
    names = ("distance", "layer", "unit", "distance_max", "layer_max", "unit_max")
    columns: dict[str, Any] = {"point": np.arange(len(points)), "output": label}
    columns |= {name: getattr(nearest, name) for name in names}
    if net.input_size <= _FEW:
        columns["ball"] = _balls(net, points)
    return columns


def _parts(net: ReLUNetwork, points: np.ndarray) -> list[np.ndarray]:
    step = max(1, 2**24 // max(net.widths))
    return [points[start : start + step] for start in range(0, len(points), step)]


def _balls(net: ReLUNetwork, points: np.ndarray) -> np.ndarray:
    """Return the radius of the largest ball in each point's region; infinite if it is unbounded."""
    found = np.full(len(points), np.inf)
    for part, _, walls in walls_at(net, points):
        for i, row in enumerate(range(part.start, part.stop)):
            z = np.concatenate([value[i] for value, _ in walls])
            slopes = np.hstack([rows[i if len(rows) > 1 else 0] for _, rows in walls]).T
            norms = np.linalg.norm(slopes, axis=1)
            sign = np.where(z > 0, 1.0, -1.0)[norms > 0] / norms[norms > 0]
            slopes, z = sign[:, None] * slopes[norms > 0], sign * z[norms > 0]
            if not len(z):
                continue
            ball = deepest(-slopes, z)
            found[row] = np.inf if ball is None else ball[1]
    return found


def _around(
    net: ReLUNetwork, point: np.ndarray, axes: np.ndarray, radius: float, planes: bool
) -> dict[str, Any]:
    """Return what lies within a radius of one point."""
    rays = rays_of(net, point, axes, radius)
    mean, low, high = _interval(rays.met.sum(axis=1).astype(float), _LEVEL)
    row: dict[str, Any] = {"met": mean, "met_low": low, "met_high": high}
    for layer, count in zip(net.relu_layers, rays.met.mean(axis=0), strict=True):
        row[f"met_{layer.name}"] = float(count)
    few = axes[: net.input_size]  # those that are orthogonal
    row["complexity"] = int(switching_units(net, point, few, radius).sum())
    row["complexity_axes"] = rays.units
    row["decision"] = float(rays.decision.min())
    row["decision_met"] = float(np.isfinite(rays.decision).mean())
    row["doubtful"] = rays.doubtful
    if planes:
        box = Box(point - radius, point + radius)
        plane = Slice.through([point, *(point + radius * axes[:2])], box)
        found = count_regions(net, plane, method="plane")
        row |= {"plane_regions": found.count, "plane_status": found.status.name}
    return row


def _interval(values: np.ndarray, level: float) -> tuple[float, float, float]:
    """Return the mean of some values and its t interval; NaN where they are too few."""
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return mean, mean - float(half), mean + float(half)
