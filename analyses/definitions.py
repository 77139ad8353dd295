"""Six definitions of a linear region, counted and drawn on one small network.

    python -m analyses.definitions

The function max(-y, min(0, -x)) in the network of Stargalla, Hertrich and Reichman (NeurIPS 2025,
arXiv:2505.16716), on the square [-1, 1]^2. Every kind is counted by `count_regions`; the sets that
are drawn are found apart from it, from the five cells and their maps: cells that share an edge, or
a point, are joined; convex ones are the fewest convex unions of cells with one map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import get_args

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial import ConvexHull, HalfspaceIntersection

import regions
from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.counting.question import Kind
from regions.figures import PALETTE, figure_style

ENTRY = Entry(figure="Stargalla et al. 2025, the example", minutes=0.1, inputs="none")

SQUARE = regions.Box.cube(2, -1.0, 1.0)
TITLES = {
    "pattern": "patterns, on lines\nand points too",
    "activation": "activation",
    "convex": "convex",
    "linear": "linear: open\nand connected",
    "closed": "closed and\nconnected",
    "affine": "affine",
}


@dataclass(frozen=True, kw_only=True)
class Definitions(Study):
    """The sets that each kind of region consists of, and their number by `count_regions`."""

    axes = {"kind": "kinds"}
    small = {"kinds": ("pattern", "convex", "affine")}
    shown = ("definitions",)

    kinds: tuple[Kind, ...] = get_args(Kind)

    def measure(self, kind: Kind) -> pd.DataFrame:
        """Return one row per corner of every set, with the count."""
        net = example()
        found = regions.count_regions(net, SQUARE, kind=kind)
        upper = found.count if found.upper is None else found.upper
        cells = list(regions.enumerate_regions(net, SQUARE))
        rows = [
            (number, piece, x, y)
            for number, parts in enumerate(sets(kind, net, cells))
            for piece, corners in enumerate(parts)
            for x, y in corners
        ]
        frame = pd.DataFrame(rows, columns=["set", "part", "x", "y"])
        return frame.assign(lower=found.lower, upper=upper, status=str(found.status))

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the corners of all sets, and the counts beside the numbers of sets."""
        grouped = rows.groupby("kind", sort=False)
        counts = grouped[["lower", "upper", "status"]].first()
        counts.insert(0, "sets", grouped["set"].nunique())
        return {"sets": rows, "definitions": counts.reset_index()}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"definitions": draw(tables["sets"])}


def example() -> regions.ReLUNetwork:
    """Return relu(relu(x) - y) - relu(x), where y goes in as relu(y) - relu(-y)."""
    return regions.as_network(
        [
            (np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.zeros(3)),
            (np.array([[1.0, 0.0, 0.0], [1.0, -1.0, 1.0]]), np.zeros(2)),
            (np.array([[-1.0, 1.0]]), np.zeros(1)),
        ]
    )


def sets(
    kind: Kind, net: regions.ReLUNetwork, cells: Sequence[regions.Region]
) -> list[list[np.ndarray]]:
    """Return the sets of a kind, each as parts with their corners in order."""
    corners = [polygon(cell) for cell in cells]
    if kind in ("pattern", "activation"):
        flat = lower_dimensional(net, cells, corners) if kind == "pattern" else []
        return [[part] for part in (*corners, *flat)]
    maps = [(*cell.slope.ravel(), *cell.offset) for cell in cells]
    graph = nx.Graph((i, j) for i, j in combinations(range(len(cells)), 2)
                     if maps[i] == maps[j] and touching(kind, corners[i], corners[j]))  # fmt: skip
    graph.add_nodes_from(range(len(cells)))
    found = [sorted(part) for part in nx.connected_components(graph)]
    if kind == "convex":
        found = [block for part in found for block in fewest_convex(part, corners)]
    return [[corners[i] for i in part] for part in sorted(found)]


def polygon(cell: regions.Region) -> np.ndarray:
    """Return a cell's corners, counterclockwise."""
    sides = np.column_stack([-cell.normals, -cell.offsets])
    points = HalfspaceIntersection(sides, cell.coordinates).intersections.round(9) + 0.0
    points = np.unique(points, axis=0)
    return points[ConvexHull(points).vertices]


def touching(kind: Kind, one: np.ndarray, two: np.ndarray) -> bool:
    """Tell whether two cells share an edge, or, for closed regions, a point of the domain."""
    common = {*map(tuple, one)} & {*map(tuple, two)}
    if kind == "affine":
        return True
    if kind == "closed":
        return any(max(abs(x), abs(y)) < 1 for x, y in common)
    return len(common) == 2


def fewest_convex(part: Sequence[int], corners: Sequence[np.ndarray]) -> list[list[int]]:
    """Return the fewest convex unions into which some cells of one map can be joined."""

    def is_convex(block: list[int]) -> bool:
        area = sum(ConvexHull(corners[i]).volume for i in block)
        return bool(
            np.isclose(ConvexHull(np.concatenate([corners[i] for i in block])).volume, area)
        )

    possible = (blocks for blocks in partitions(list(part)) if all(map(is_convex, blocks)))
    return min(possible, key=len)


def partitions(items: list[int]) -> Iterator[list[list[int]]]:
    """Yield all partitions of some numbers."""
    if not items:
        yield []
        return
    first, *rest = items
    for blocks in partitions(rest):
        yield [[first], *blocks]
        for i, block in enumerate(blocks):
            yield [*blocks[:i], [first, *block], *blocks[i + 1 :]]


def lower_dimensional(
    net: regions.ReLUNetwork, cells: Sequence[regions.Region], corners: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the edges and corners inside the square on which the pattern is that of no cell."""
    known = {cell.pattern.tobytes() for cell in cells}
    edges = {tuple(sorted(map(tuple, pair))) for part in corners
             for pair in zip(part, np.roll(part, 1, axis=0), strict=True)}  # fmt: skip
    points = {(point,) for edge in edges for point in edge}
    found: dict[bytes, np.ndarray] = {}
    for flat in sorted(edges) + sorted(points):
        middle = np.mean(flat, axis=0)
        if np.abs(middle).max() < 1:
            name = net.pattern(middle[None])[0].tobytes()
            if name not in known:
                found.setdefault(name, np.array(flat))
    return list(found.values())


def draw(rows: pd.DataFrame) -> Figure:
    """Draw the sets of every kind, one colour each, with the edges of the five cells in white."""
    kinds = list(rows["kind"].unique())
    lines = -(-len(kinds) // 3)
    with figure_style("neurips", aspect=1.2, rows=lines, columns=3):
        fig, axes = plt.subplots(lines, 3, layout="constrained", sharex=True, sharey=True)
        for ax, kind in zip(np.ravel(axes), kinds, strict=False):
            own = rows[rows["kind"] == kind]
            for (number, _), corners in own.groupby(["set", "part"]):
                _paint(ax, corners[["x", "y"]].to_numpy(), PALETTE[int(number) % len(PALETTE)])
            low, high = own[["lower", "upper"]].iloc[0]
            counted = "" if low == high else f"\n(counted: {low} to {high})"
            ax.set_title(f"{TITLES[kind]}: {own['set'].nunique()}{counted}")
            ax.grid(False)
            ax.set(aspect="equal", xlim=(-1, 1), ylim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        fig.supxlabel("input x")
        fig.supylabel("input y")
    return fig


def _paint(ax: Axes, corners: np.ndarray, colour: str) -> None:
    """Draw a polygon, a segment or a point."""
    if len(corners) > 2:
        ax.fill(*corners.T, facecolor=colour, alpha=0.55, edgecolor="white", linewidth=0.8)
    elif len(corners) == 2:
        ax.plot(*corners.T, color=colour, linewidth=2.4, solid_capstyle="butt")
    else:
        ax.plot(*corners.T, "o", color=colour, markersize=5, markeredgecolor="white")


if __name__ == "__main__":
    launch("definitions")
