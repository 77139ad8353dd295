"""The published networks again: Figure 5 and the verdicts of Figure 1 of Good et al. 2022.

Used by `analyses.recall_distortion`; needs the counts recovered from the vector graphics of
Figure 5 (`--data PATH`, arrays `dense_MP`, `MP_2`, ..., (models, classes)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import regions
from analyses.catalogue import DATA
from analyses.study import Study
from regions.errors import DataError
from regions.figures import PALETTE, figure_style
from regions.files import read_npz
from regions.recall import plot_balances, plot_intensification

ALGORITHMS = ("MP", "GP", "UP", "RP")
NAMES = {"MP": "magnitude (MP)", "GP": "gradient (GP)", "UP": "undecayed (UP)"}
RATIOS = (2, 4, 10, 20, 50)
IMAGES = 1000
CLASSES = "plane car bird cat deer dog frog horse ship truck".split()
PUBLISHED = DATA / "recall_good2022_figure5.csv"


@dataclass(frozen=True, kw_only=True)
class Published(Study):
    """The counts of one algorithm are a task; all numbers are computed from them."""

    axes = {"algorithm": "algorithms"}
    in_rows = False
    shown = ("published/figure5",)
    published = (PUBLISHED,)
    algorithms: ClassVar[tuple[str, ...]] = ALGORITHMS

    data: Path

    def prepare(self, home: Path) -> dict[str, regions.RecallTable]:
        """Read the counts of all algorithms."""
        return read_tables(self.data)

    def given(
        self, prepared: Mapping[str, regions.RecallTable], algorithm: str
    ) -> dict[str, regions.RecallTable]:
        """Return the counts of one algorithm."""
        return {"table": prepared[algorithm]}

    def measure(self, algorithm: str, *, table: regions.RecallTable) -> pd.DataFrame:
        """Return the counts, one row per network, ratio and class."""
        return table.to_frame()

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the counts, and what is recomputed from them beside what was printed."""
        frame = compare_with_published(by_algorithm(rows))
        return {"published/counts": rows, "published/figure5": frame, "published/slopes": frame}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return Figure 5 again, and alpha against the ratio."""
        found = by_algorithm(tables["published/counts"])
        return {
            "published/figure5": draw_balances(found),
            "published/slopes": draw_slopes(found),
        }

    def remarks(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return where recomputed numbers differ from the printed ones."""
        wrong = disagreements(tables["published/figure5"])
        return wrong or ["every printed number and verdict is reproduced"]


def by_algorithm(counts: pd.DataFrame) -> dict[str, regions.RecallTable]:
    """Return one table per algorithm."""
    parts = counts.groupby("algorithm", sort=False)
    return {str(name): regions.RecallTable.from_frame(part) for name, part in parts}


def read_tables(path: Path) -> dict[str, regions.RecallTable]:
    """Return one table per algorithm; joint correctness is unknown."""
    arrays = read_npz(path, "file of recovered counts")
    try:
        return {
            name: regions.RecallTable.from_counts(
                arrays[f"dense_{name}"],
                {ratio: arrays[f"{name}_{ratio}"] for ratio in RATIOS},
                IMAGES,
                classes=CLASSES,
            )
            for name in ALGORITHMS
        }
    except (ValueError, KeyError) as error:
        raise DataError(f"{path} does not hold the recovered counts: {error}") from error


def compare_with_published(tables: dict[str, regions.RecallTable]) -> pd.DataFrame:
    """Return what is recomputed beside what was printed, and the corrected view."""
    frames = []
    for name, table in tables.items():
        paper = regions.intensification(table, paper=True)
        corrected = regions.intensification(table)
        excess = regions.intensification(table, null="logit_shift")
        assert excess.bounds is not None and corrected.bounds is not None  # counts alone
        interval = paper.confidence_interval()
        frames.append(
            pd.DataFrame(
                {
                    "algorithm": name,
                    "ratio": RATIOS,
                    "slope_here": paper.alpha_pooled,
                    "r_squared_here": paper.description.r_squared,
                    "accuracy_here": paper.description.accuracy_pruned,
                    "verdict_here": paper.verdict,
                    "mean_here": paper.estimate,
                    "sd_here": paper.per_model.std(1, ddof=1),
                    "low_here": interval.low,
                    "high_here": interval.high,
                    "corrected_low": corrected.bounds.min(0),
                    "corrected_independent": corrected.bounds[1],
                    "corrected_high": corrected.bounds.max(0),
                    "verdict_corrected": corrected.verdict,
                    "equal_log_odds": excess.null_value,
                    "excess_low": excess.bounds.min(0) - excess.null_value,
                    "excess_high": excess.bounds.max(0) - excess.null_value,
                    "verdict_excess": excess.verdict,
                }
            )
        )
    return pd.read_csv(PUBLISHED).merge(pd.concat(frames), on=["algorithm", "ratio"])


def disagreements(frame: pd.DataFrame) -> list[str]:
    """Return where recomputed numbers do not round to the printed ones."""
    digits = {"slope": 3, "r_squared": 3, "accuracy": 3, "mean": 4, "sd": 4, "low": 3, "high": 3}
    found = []
    for _, row in frame.iterrows():
        where = f"{row['algorithm']} at ratio {row['ratio']}"
        for name, places in digits.items():
            printed, here = row[name], row[f"{name}_here"]
            # one unit in the last place: some numbers were cut, not rounded
            if np.isfinite(printed) and abs(printed - here) > 10.0**-places:
                found.append(f"{where}: {name} {here:.5f}, printed {printed}")
        if row["verdict"] != row["verdict_here"]:
            found.append(f"{where}: verdict {row['verdict_here']}, printed {row['verdict']}")
    return found


def draw_balances(tables: dict[str, regions.RecallTable]) -> Figure:
    """Draw Figure 5 again: pruned against dense balance, one panel per algorithm and ratio."""
    with figure_style("neurips", aspect=0.95, rows=4, columns=5):
        fig, axes = plt.subplots(4, 5, layout="constrained", sharex=True)
        for row, (name, table) in zip(axes, tables.items(), strict=True):
            result = regions.intensification(table)
            for ax, ratio, verdict in zip(row, RATIOS, result.verdict, strict=True):
                plot_balances(result, ratio, ax=ax, s=2)
                slope = result.alpha_pooled[RATIOS.index(ratio)]
                paper = regions.intensification(table, paper=True).verdict[RATIOS.index(ratio)]
                ax.set_title(f"{name}, ratio {ratio}: {slope:.3f}\npaper {paper}  here {verdict}")
                ax.title.set_fontsize(6)
                ax.tick_params(labelsize=5)
                ax.get_legend().remove()
                ax.set(xlabel="", ylabel="")
        axes[-1, 2].set_xlabel("dense recall balance (recall / accuracy - 1)", fontsize=7)
        fig.supylabel("pruned recall balance (recall / accuracy - 1)", fontsize=7)
        handles, _ = axes[0, 0].get_legend_handles_labels()
        names = ["no change (slope 1)", "slope as published", "corrected slope, possible range"]
        fig.legend(handles, names, loc="outside lower center", ncols=3, fontsize=6)
    return fig


def draw_slopes(tables: dict[str, regions.RecallTable]) -> Figure:
    """Draw alpha against the ratio, and how far it is from an equal loss of log-odds."""
    with figure_style("neurips", aspect=0.95, rows=2, columns=3):
        fig, axes = plt.subplots(2, 3, layout="constrained", sharey="row", sharex=True)
        for (top, below), (algorithm, name) in zip(axes.T, NAMES.items(), strict=True):
            draw_alpha(tables[algorithm], top)
            draw_excess(tables[algorithm], below)
            top.set(title=name, xlabel="")
        for ax in axes[:, 1:].flat:
            ax.set_ylabel("")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        long, short = "from the 95 % interval of one bound to the other's", "95 % interval of both"
        labels = [label.replace(long, short) for label in labels]
        fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig


def draw_alpha(table: regions.RecallTable, ax: Axes) -> Axes:
    """Draw alpha as published and corrected, and alpha if all classes lost equal log-odds."""
    paper, corrected = regions.intensification(table, paper=True), regions.intensification(table)
    looks = {"label": "corrected", "color": PALETTE[1], "fmt": "s"}
    plot_intensification(paper, ax=ax, show_null=False, dodge=0.93, fmt="o", label="as published")
    plot_intensification(corrected, ax=ax, show_null=False, dodge=1.07, **looks)
    null = regions.intensification(table, null="logit_shift")
    ax.plot(table.ratios, null.null_value, "k:", label="if all classes lost equal log-odds")
    ax.axhline(1, color="0.4", lw=0.8, ls="--", label="alpha = 1")
    ax.set_ylabel("intensification\nratio alpha")
    legend = ax.get_legend()
    assert legend is not None  # of plot_intensification
    legend.remove()
    return ax


def draw_excess(table: regions.RecallTable, ax: Axes) -> Axes:
    """Draw alpha minus what an equal loss of log-odds gives, and what of it is possible."""
    result = regions.intensification(table, null="logit_shift")
    low, high = (limit - result.null_value for limit in result.confidence_interval())
    value = (low + high) / 2 if result.bounds is not None else result.excess
    ax.errorbar(
        table.ratios, value, np.array([value - low, high - value]),
        fmt="none" if result.bounds is not None else "D", color=PALETTE[2], capsize=2,
    )  # fmt: skip
    ax.axhline(0, color="0.4", lw=0.8, ls="--")
    note = "95 % interval" if result.bounds is None else "95 % interval of bounds"
    ax.set(xlabel="compression ratio", ylabel=f"alpha - equal log-odds\n({note})")
    return ax
