"""Tangent kernels of randomly pruned networks against their limit (Yang and Wang, AISTATS 2023).

    python -m analyses.ntk_pruning

Many random networks, one pair of points, three questions. Without rescaling: by which power of the
density does pruning multiply the kernel? With it: how fast does the kernel approach the dense limit
as the width grows? And how must the width grow as the density falls, for the same distance to the
limit? The theorem says that width linear in 1/density suffices. Nothing here or there shows that it
is necessary, and in this range a width growing like 1/sqrt(density) holds the distance as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.catalogue import Entry
from analyses.options import Options, run_script, start
from regions.figures import (
    LINE_STYLES,
    PALETTE,
    figure_style,
    mean_intervals,
    plot_means,
    save_figure,
)
from regions.resume import run_tasks
from regions.theory import limit_factor, limit_ntk, random_ntk

ENTRY = Entry(figure="Yang & Wang 2023, Theorems 1 and 2 by simulation", minutes=0.9, inputs="none")
RULES = {"fixed width": 0.0, "width ~ 1/sqrt(density)": 0.5, "width ~ 1/density": 1.0}
INPUTS = {"input dense": False, "input masked": True}


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

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
    out: Path = Path("out/ntk_pruning")
    smoke: bool = False
    """Ten draws of small networks."""


def points() -> tuple[np.ndarray, np.ndarray]:
    """Return the pair of unit vectors of the authors' notebook, with cosine 0.769."""
    state = np.random.RandomState(1)
    x, y = (vector / np.linalg.norm(vector) for vector in (state.rand(10), state.rand(10)))
    return x, y


def compute(config: Config) -> pd.DataFrame:
    """Return one row per random network: its kernel, the limit, and their distance."""
    if config.smoke:
        config = replace(config, base=24, widths=(16, 32), shrink_width=32, draws=10)
    common = {"depth": config.depth, "draws": config.draws}
    tasks = [*_shrinking(config), *_growing(config), *_trading(config)]
    tasks = [{**task, **common} for task in tasks]
    with config.workers.active():
        return run_tasks(
            tasks,
            draw_kernels,
            config.out / "tasks",
            cost=lambda task: task["width"] ** 2,
            progress=config.progress,
        )


def _shrinking(config: Config) -> list[dict]:
    return [
        _task("shrinking", name, density, config.shrink_width, masked, rescaled=False)
        for name, masked in INPUTS.items()
        for density in config.densities
    ]


def _growing(config: Config) -> list[dict]:
    return [
        _task("growing", f"density {density:g}", density, width)
        for density in (1.0, 0.25)
        for width in config.widths
    ]


def _trading(config: Config) -> list[dict]:
    return [
        _task("trading", rule, density, round(config.base / density**power))
        for rule, power in RULES.items()
        for density in config.densities
    ]


def _task(
    panel: str, curve: str, density: float, width: int, masked: bool = False, rescaled: bool = True
) -> dict:
    return {
        "panel": panel,
        "curve": curve,
        "density": density,
        "width": width,
        "masked_input": masked,
        "rescaled": rescaled,
    }


def draw_kernels(
    panel: str,
    curve: str,
    density: float,
    width: int,
    masked_input: bool,
    rescaled: bool,
    depth: int,
    draws: int,
) -> pd.DataFrame:
    """Return one row per random network of one point of a curve."""
    x, y = points()
    limit = limit_ntk(x, y, depth)
    hidden = [width] * depth
    rng = np.random.default_rng([17, width, round(1e6 * density), masked_input, rescaled])
    kernels = [
        random_ntk(x, y, hidden, density, masked_input=masked_input, rescaled=rescaled, rng=rng)
        for _ in range(draws)
    ]
    frame = pd.DataFrame({"draw": range(draws), "kernel": kernels, "limit": limit})
    return frame.assign(ratio=frame["kernel"] / limit, deviation=(frame["kernel"] - limit).abs())


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


def main() -> None:
    """Compute, print the numbers, and save figure and provenance."""
    config, run = start(Config, __doc__, seed=17)
    frame = compute(config)
    print(tabulate(frame).to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    print("power of the width:", {name: round(value, 2) for name, value in slopes(frame).items()})
    paths = save_figure(draw(frame), config.out / "ntk_pruning", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
