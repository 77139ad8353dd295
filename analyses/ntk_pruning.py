"""Tangent kernels of randomly pruned networks against their limit (Yang and Wang, AISTATS 2023).

    python -m analyses.ntk_pruning

Many random networks, one pair of points, three questions. Without rescaling: by which power of the
density does pruning multiply the kernel? With it: how fast does the kernel approach the dense limit
as the width grows? And how must the width grow as the density falls, for the same distance to the
limit? The theorem says that width linear in 1/density suffices. Nothing here or there shows that it
is necessary, and in this range a width growing like 1/sqrt(density) holds the distance as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.figures import (
    LINE_STYLES,
    PALETTE,
    figure_style,
    mean_intervals,
    plot_means,
)
from regions.theory import limit_factor, limit_ntk, random_ntk

ENTRY = Entry(figure="Yang & Wang 2023, Theorems 1 and 2 by simulation", minutes=0.9, inputs="none")
RULES = {"fixed width": 0.0, "width ~ 1/sqrt(density)": 0.5, "width ~ 1/density": 1.0}
INPUTS = {"input dense": False, "input masked": True}


@dataclass(frozen=True, kw_only=True)
class NtkPruning(Study):
    """Many random networks per point of a curve; three panels of curves."""

    axes = {("panel", "curve", "density", "width", "masked_input", "rescaled"): "curves"}
    choosing = ("base", "densities", "widths", "shrink_width")
    small = {"base": 24, "widths": (16, 32), "shrink_width": 32, "draws": 10}
    root = 17

    depth: int = 3
    """Hidden layers."""
    base: int = 192
    """Width of the dense network in the third panel."""
    densities: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    widths: tuple[int, ...] = (32, 64, 128, 256, 512, 1024)
    shrink_width: int = 512
    """Width in the first panel."""
    draws: int = 80
    """Random networks per point of a curve."""

    @property
    def curves(self) -> tuple[tuple, ...]:
        """Every point of every curve of the panels."""
        shrinking = [
            ("shrinking", name, density, self.shrink_width, masked, False)
            for name, masked in INPUTS.items()
            for density in self.densities
        ]
        growing = [
            ("growing", f"density {density:g}", density, width, False, True)
            for density in (1.0, 0.25)
            for width in self.widths
        ]
        trading = [
            ("trading", rule, density, round(self.base / density**power), False, True)
            for rule, power in RULES.items()
            for density in self.densities
        ]
        return (*shrinking, *growing, *trading)

    def cost(self, width: int, **_: Any) -> float:
        """Return the number of weights of a layer."""
        return width**2

    def measure(
        self, density: float, width: int, masked_input: bool, rescaled: bool, **_: str
    ) -> pd.DataFrame:
        """Return one row per random network: its kernel, the limit, and their distance."""
        x, y = points()
        limit = limit_ntk(x, y, self.depth)
        hidden, way = [width] * self.depth, {"masked_input": masked_input, "rescaled": rescaled}
        rng = np.random.default_rng([self.root, width, round(1e6 * density), *way.values()])
        kernels = [random_ntk(x, y, hidden, density, **way, rng=rng) for _ in range(self.draws)]
        frame = pd.DataFrame({"draw": range(self.draws), "kernel": kernels, "limit": limit})
        ratio, deviation = frame["kernel"] / limit, (frame["kernel"] - limit).abs()
        return frame.assign(ratio=ratio, deviation=deviation)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"ntk_pruning": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"ntk_pruning": draw(tables["ntk_pruning"])}

    def remarks(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return the slopes of the second panel."""
        found = slopes(tables["ntk_pruning"])
        return [f"power of the width, {name}: {value:.2f}" for name, value in found.items()]


def points() -> tuple[np.ndarray, np.ndarray]:
    """Return the pair of unit vectors of the authors' notebook, with cosine 0.769."""
    state = np.random.RandomState(1)
    x, y = (vector / np.linalg.norm(vector) for vector in (state.rand(10), state.rand(10)))
    return x, y


def draw(frame: pd.DataFrame) -> Figure:
    """Draw the three panels."""
    with figure_style("jmlr", columns=3, aspect=1.35):
        fig, axes = plt.subplots(1, 3, layout="constrained")
        for ax, panel in zip(axes, (draw_shrinking, draw_growing, draw_trading), strict=True):
            panel(frame, ax)
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24))
            ax.minorticks_off()
    return fig


def draw_shrinking(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the unrescaled kernel over its limit, and the powers of the density."""
    part = frame[frame["panel"] == "shrinking"]
    plot_means(part, "density", "ratio", "curve", ax=ax, interval="bars", ls="")
    depth, grid = int(part["depth"].iloc[0]), np.geomspace(part["density"].min(), 1, 50)
    for index, masked in enumerate(INPUTS.values()):
        power = depth + masked
        values = [limit_factor(density, depth, masked) for density in grid]
        ax.plot(grid, values, color=PALETTE[index], label=f"density$^{power}$")
    ax.set(xscale="log", yscale="log", title="without rescaling")
    ax.set(xlabel="density", ylabel="kernel / dense limit\n(mean, 95% interval)")
    return _densities(ax, part)


def draw_growing(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the distance to the limit against width, and the slope -1/2."""
    part = frame[frame["panel"] == "growing"]
    plot_means(part, "width", "deviation", "curve", ax=ax)
    widths = np.unique(part["width"])
    dense = part[(part["density"] == 1) & (part["width"] == widths[0])]["deviation"].mean()
    guide = dense * np.sqrt(widths[0] / widths)
    ax.plot(widths, guide, color="0.4", ls=LINE_STYLES[2], label="width$^{-1/2}$")
    ax.set(xscale="log", yscale="log", title="rescaled, wider")
    ax.set(xlabel="hidden width", ylabel="|kernel $-$ limit|\n(mean, 95% interval)")
    ax.set_xticks(widths[::2], [str(width) for width in widths[::2]])
    ax.set_yticks([0.25, 0.5, 1, 2], ["0.25", "0.5", "1", "2"])
    return ax


def draw_trading(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the distance to the limit against density for three ways of growing the width."""
    part = frame[frame["panel"] == "trading"]
    plot_means(part, "density", "deviation", "curve", ax=ax, order=list(RULES))
    ax.set(xscale="log", ylim=(0, None), title="rescaled, sparser")
    ax.set(xlabel="density", ylabel="|kernel $-$ limit|\n(mean, 95% interval)")
    return _densities(ax, part)


def _densities(ax: Axes, part: pd.DataFrame) -> Axes:
    ticks = sorted(part["density"].unique())
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.invert_xaxis()
    return ax


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return means with 95 % intervals, the predicted ratio, and the slope of the second panel."""
    keys = ["panel", "curve", "density", "width", "masked_input", "rescaled", "depth"]
    shrinking = frame["panel"] == "shrinking"
    value = frame["ratio"].where(shrinking, frame["deviation"])
    table = mean_intervals(frame.assign(value=value), "value", keys)
    factor = [
        limit_factor(row.density, row.depth, row.masked_input) if not row.rescaled else np.nan
        for row in table.itertuples()
    ]
    return table.assign(predicted=factor).drop(columns=["masked_input", "rescaled", "depth"])


def slopes(frame: pd.DataFrame) -> dict[str, float]:
    """Return the fitted power of the width in the second panel, curve by curve."""
    part = frame[frame["panel"] == "growing"]
    means = part.groupby(["curve", "width"])["deviation"].mean().unstack()
    logs = np.log(means.to_numpy())
    fitted = np.polyfit(np.log(means.columns.to_numpy(dtype=float)), logs.T, 1)[0]
    return dict(zip(means.index, fitted.tolist(), strict=True))


if __name__ == "__main__":
    launch("ntk_pruning")
