"""Pictures of regions on a plane and of their density along a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regions.counting.boundary import decision_boundary
from regions.counting.line.line import breakpoints
from regions.counting.plane.explorer import PlaneCells
from regions.counting.plane.planar import PlanarFrame, planar_frame
from regions.counting.plane.plane import plane_cells
from regions.errors import ArgumentError, DomainError
from regions.networks import Box, ReLUNetwork, Slice, as_domain, as_network
from regions.networks.pieces import Pieces

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LARGEST = 200_000  # cells that a picture can still show
_MANY = 2_000  # cells, above which fills are stored as pixels and edges thin out
_ON_EDGE = 1e-12
# Paul Tol's light colours for fills, told apart by the colour blind; a brown in place of the olive
_FILLS = tuple(
    "#77AADD #EE8866 #EEDD88 #FFAABB #44BB99 #BBCC33 #DDDDDD #99DDFF #9C7A4D #C7A9D6".split()
)


def plot_regions(
    net: Any,
    plane: Box | Slice | tuple[Any, Any],
    *,
    by: Literal["region", "layer", "class"] = "region",
    ax: Axes | None = None,
    linewidth: float | None = None,
    boundary: bool = False,
    input_shape: Sequence[int] | None = None,
) -> Axes:
    """Draw the activation regions of `net` on a bounded plane.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    plane : Box, Slice, or pair (low, high)
        Two-dimensional and bounded. The axes are its own coordinates. The points that span a
        slice are marked by rings.
    by : {"region", "layer", "class"}
        What the colours mean: "region" gives neighbouring regions different shades; "layer"
        colours every boundary by the ReLU layer that breaks there; "class" colours every point by
        its largest output (by the sign of a single output), with the regions' boundaries on top.
    ax : matplotlib axes, optional
    linewidth : float, optional
        Width of the boundaries, in points; by default thinner the more regions there are.
    boundary : bool
        Whether to draw the decision boundary on top (`decision_boundary`).
    input_shape : sequence of int, optional
        Shape of one input, for models that start with a convolution.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    DomainError
        If the plane is not two-dimensional or is unbounded, or has more regions than a picture
        can show.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> ax = regions.plot_regions(net, regions.Box.cube(2, -1.0, 1.0), by="layer")
    """
    import matplotlib.pyplot as plt

    painters = {"region": _paint_regions, "layer": _paint_layers, "class": _paint_classes}
    if by not in painters:
        raise ArgumentError(f"by is {by!r}; expected one of {', '.join(painters)}")
    network = as_network(net, input_shape)
    where = as_domain(plane, network.input_size)
    frame = planar_frame(network, where)
    cells = _cells(network, frame)
    assert where is not None  # `_cells` refuses what is unbounded
    ax = plt.gca() if ax is None else ax
    if linewidth is None:
        linewidth = 0.4 * min(1.0, _MANY / len(cells))
    painters[by](ax, network, frame, cells, linewidth)
    if boundary:
        decision_boundary(network, where).plot(ax)
    corners = frame.coordinates(frame.polygon)
    low, high = corners.min(axis=0), corners.max(axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    names = (
        ("plane, axis 1", "plane, axis 2") if isinstance(where, Slice) else ("input 1", "input 2")
    )
    ax.set(xlabel=names[0], ylabel=names[1])
    if isinstance(where, Slice):
        _mark_points(ax, where)
    return ax


def _mark_points(ax: Axes, plane: Slice) -> None:
    """Draw a ring where each point lies that spans the plane (points outside are clipped)."""
    own = (plane.points - plane.origin) @ plane.basis.T
    look = {"facecolors": "none", "zorder": 3, "clip_on": True}
    ax.scatter(*own.T, s=28, edgecolors="white", linewidths=2.4, **look)
    ax.scatter(*own.T, s=28, edgecolors="black", linewidths=1.0, **look)


def _cells(net: ReLUNetwork, frame: PlanarFrame) -> PlaneCells:
    parts, total = [], 0
    for part in plane_cells(net, frame):
        parts.append(part)
        total += len(part)
        if total > _LARGEST:
            raise DomainError(
                f"the plane has more than {_LARGEST} regions, too many for a picture; take a "
                "smaller box"
            )
    return PlaneCells.joined(parts)


def _polygons(frame: PlanarFrame, cells: PlaneCells) -> list[np.ndarray]:
    points = frame.coordinates(cells.vertices)
    return np.split(points, cells.ends[1:-1])


def _edges(
    net: ReLUNetwork, frame: PlanarFrame, cells: PlaneCells
) -> tuple[np.ndarray, np.ndarray]:
    """Return the segments (edges, 2, 2) of all edges between regions and the unit of each."""
    points, pieces = frame.coordinates(cells.vertices), Pieces(net.graph)
    inner = cells.labels >= 0
    units = cells.labels[inner] % max(1, cells.patterns.shape[1])
    segments = np.stack([points, points[cells.following]], axis=1)[inner]
    if not pieces.maxima:
        return segments, units
    # where a switch of a maximum is met that leaves it on its piece, a region goes on
    before = cells.patterns[cells.owner[inner]]
    behind = before.copy()
    behind[np.arange(len(units)), units] ^= True
    ends = (pieces.patterns(before) != pieces.patterns(behind)).any(axis=1)
    return segments[ends], units[ends]


def _paint_regions(
    ax: Axes, net: ReLUNetwork, frame: PlanarFrame, cells: PlaneCells, linewidth: float
) -> None:
    import seaborn as sns
    from matplotlib.collections import LineCollection, PolyCollection

    shades = np.array(sns.color_palette("colorblind"))
    # a number drawn from the pattern: the same region has the same colour in every picture
    patterns = Pieces(net.graph).patterns(cells.patterns)
    weights = np.random.default_rng(0).integers(0, 2**31, size=patterns.shape[1])
    shade = (patterns @ weights) % 7919
    colours = shades[shade % len(shades)]
    tint = 0.35 + 0.5 * (shade % 101)[:, None] / 100
    colours = 1 - (1 - colours) * tint
    many = len(cells) > _MANY  # pixels for the fill; its own colour closes the seams
    # their own colour closes the seams; cells of one region have no line between them
    look = {"facecolors": colours, "edgecolors": "face", "linewidths": 0.1, "rasterized": many}
    ax.add_collection(PolyCollection(_polygons(frame, cells), **look))
    if not many:
        lines = list(_edges(net, frame, cells)[0])
        ax.add_collection(LineCollection(lines, colors="white", linewidths=linewidth))


def _paint_layers(
    ax: Axes, net: ReLUNetwork, frame: PlanarFrame, cells: PlaneCells, linewidth: float
) -> None:
    import seaborn as sns
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    segments, units = _edges(net, frame, cells)
    ends = np.cumsum([layer.size for layer in net.relu_layers])
    layer = np.searchsorted(ends, units, side="right")
    colours = sns.color_palette("viridis", len(ends))
    handles = []
    for index in reversed(range(len(ends))):  # early layers, the longest lines, on top
        width = 3 * linewidth if index == 0 else 2 * linewidth
        ax.add_collection(
            LineCollection(
                list(segments[layer == index]),
                colors=[colours[index]],
                linewidths=width,
                rasterized=len(cells) > _MANY,
            )
        )
        name = net.relu_layers[index].name
        handles.append(Line2D([], [], color=colours[index], lw=2, label=name))
    ax.legend(handles=handles[::-1], title="layer", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _paint_classes(
    ax: Axes, net: ReLUNetwork, frame: PlanarFrame, cells: PlaneCells, linewidth: float
) -> None:
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.patches import Patch

    pieces, classes = class_polygons(frame, cells)
    shown = np.unique(classes)
    palette = {label: _FILLS[label % len(_FILLS)] for label in shown}
    colours = [palette[label] for label in classes]
    look = {"rasterized": len(cells) > _MANY}
    ax.add_collection(
        PolyCollection(pieces, facecolors=colours, edgecolors="face", linewidths=0.2, **look)
    )
    segments, _ = _edges(net, frame, cells)
    ax.add_collection(
        LineCollection(list(segments), colors="black", linewidths=linewidth, alpha=0.4, **look)
    )
    single = cells.outputs.shape[2] == 1
    names = {
        label: ("output <= 0", "output > 0")[label] if single else str(label) for label in shown
    }
    handles = [Patch(color=palette[label], label=names[label]) for label in shown]
    ax.legend(handles=handles, title="class", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def class_polygons(frame: PlanarFrame, cells: PlaneCells) -> tuple[list[np.ndarray], np.ndarray]:
    """Return polygons on which one output is the largest, in the plane's coordinates, and which.

    A single output is compared with zero: 0 where it is negative, 1 where it is positive.
    """
    maps = cells.outputs
    if maps.shape[2] == 1:
        maps = np.concatenate([np.zeros_like(maps), maps], axis=2)
    pieces, classes = [], []
    for cell in range(len(cells)):
        polygon = cells.polygon(cell)
        values = polygon @ maps[cell]
        # an output that is below another's least value everywhere is never the largest
        for label in np.flatnonzero(values.max(axis=0) >= values.min(axis=0).max()):
            rows = (maps[cell][:, [label]] - maps[cell]).T
            rows = rows[np.abs(rows).max(axis=1) > 0]
            rows = rows / np.abs(rows).max(axis=1, keepdims=True)
            part = polygon
            for row in rows:
                part = _clipped(part, row)
            if len(part):
                pieces.append(frame.coordinates(part))
                classes.append(label)
    return pieces, np.array(classes)


def _clipped(polygon: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the part of a polygon, (k, 3), on which row @ vertex is not negative; maybe none."""
    values = polygon @ row
    values[np.abs(values) <= _ON_EDGE] = 0.0
    if not (values > 0).any():
        return polygon[:0]
    following, after = np.roll(polygon, -1, axis=0), np.roll(values, -1)
    crossed = values * after < 0
    span = np.where(crossed, values - after, 1.0)[:, None]
    met = (values[:, None] * following - after[:, None] * polygon) / span
    both = np.stack([polygon, met], axis=1)
    return both[np.stack([values >= 0, crossed], axis=1)]


def line_density(
    net: Any,
    line: Box | Slice | tuple[Any, Any],
    *,
    bins: int = 50,
    input_shape: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return how many breakpoints per unit length lie along a bounded line, by layer.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    line : Box, Slice, or pair (low, high)
        One-dimensional and bounded.
    bins : int
        Number of equal parts of the line.
    input_shape : sequence of int, optional
        Shape of one input, for models that start with a convolution.

    Returns
    -------
    pandas.DataFrame
        One row per bin and ReLU layer: start, end (the line's own coordinate), layer, breakpoints,
        density (breakpoints per unit length).

    Examples
    --------
    >>> import regions
    >>> from regions.counting import line_density
    >>> net = regions.as_network([([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])])
    >>> line_density(net, regions.Box([-1.0], [1.0]), bins=2)["breakpoints"].tolist()
    [0, 2]
    """
    import pandas as pd

    if not isinstance(bins, int) or bins < 1:
        raise ArgumentError(f"bins is {bins!r}; expected a whole number of at least 1")
    network = as_network(net, input_shape)
    where: Any = as_domain(line, network.input_size)
    if where is None or where.dimension != 1 or not where.bounded:
        size = network.input_size if where is None else where.dimension
        raise DomainError(
            f"the domain has dimension {size}; a density needs a bounded line: "
            "Slice.through two points"
        )
    rows, limits = where.halfspaces()
    ahead, back = rows[:, 0] > 0, rows[:, 0] < 0
    ends = limits[back] / rows[back, 0], limits[ahead] / rows[ahead, 0]
    edges = np.linspace(ends[0].max(), ends[1].min(), bins + 1)
    found = breakpoints(network, where)
    parts = []
    for index, layer in enumerate(network.relu_layers):
        counts, _ = np.histogram(found.loc[found["layer"] == index, "position"], edges)
        part = {"start": edges[:-1], "end": edges[1:], "layer": layer.name, "breakpoints": counts}
        parts.append(pd.DataFrame(part).assign(density=counts / np.diff(edges)))
    return pd.concat(parts, ignore_index=True)


def plot_line_density(
    net: Any,
    line: Box | Slice | tuple[Any, Any],
    *,
    bins: int = 50,
    ax: Axes | None = None,
    input_shape: Sequence[int] | None = None,
) -> Axes:
    """Draw the number of breakpoints per unit length along a bounded line, stacked by layer.

    Examples
    --------
    >>> import regions
    >>> from regions.counting import plot_line_density
    >>> net = regions.as_network([([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])])
    >>> plot_line_density(net, regions.Box([-1.0], [1.0]), bins=2).get_ylabel()
    'breakpoints per unit length'
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    table: Any = line_density(net, line, bins=bins, input_shape=input_shape)
    ax = plt.gca() if ax is None else ax
    names = list(dict.fromkeys(table["layer"]))
    heights = [table.loc[table["layer"] == name, "density"].to_numpy() for name in names]
    one = table[table["layer"] == names[0]]
    edges = np.append(one["start"], one["end"].iloc[-1])
    base = np.zeros(len(one))
    for name, height, colour in zip(
        names, heights, sns.color_palette("viridis", len(names)), strict=True
    ):
        ax.stairs(base + height, edges, baseline=base, fill=True, color=colour, label=name)
        base = base + height
    ax.set(
        xlabel="position along the line",
        ylabel="breakpoints per unit length",
        xlim=(edges[0], edges[-1]),
    )
    ax.set_ylim(bottom=0)
    ax.legend(title="layer", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
