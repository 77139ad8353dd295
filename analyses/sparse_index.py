"""How many samples a sparse direction costs: dense, random, screened and oracle inputs.

    python -m analyses.sparse_index

One polynomial of one direction that only a few of many normal inputs enter (Vural and Erdogdu, COLT
2024). Each arm trains the same two-layer network on some of the inputs: all, as many at random, as
many screened by first gradients (in the plain basis, at the basis point c, and at the theorem's
asymptotic 1/log d), or those that matter. The paper has no experiments: this is our illustration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.figures import (
    figure_style,
    mean_intervals,
    plot_means,
    share_legend,
)
from regions.theory import SingleIndex, fit_two_layer, screen

ENTRY = Entry(figure="Vural & Erdogdu 2024, illustration", minutes=0.9, inputs="none")


@dataclass(frozen=True, kw_only=True)
class SparseIndex(Study):
    """One direction per seed; all arms of a task see the same sample."""

    axes = {"samples": "samples", "seed": "seeds"}
    small = {
        "inputs": 32,
        "support": 4,
        "kept": 6,
        "pairs": 16,
        "samples": (100, 300),
        "seeds": 2,
    }

    inputs: int = 256
    support: int = 8
    """Inputs that matter."""
    coefficients: tuple[float, ...] = (0.0, 0.0, 1.0)
    """Of normalised Hermite polynomials, from order 0."""
    noise: float = 0.1
    kept: int = 16
    """Inputs kept by screening and at random."""
    c: float = 0.8
    parts: tuple[str, ...] = ("even",)
    """Of the screening; with ("even", "odd") up to three times as many inputs are kept."""
    pairs: int = 128
    samples: tuple[int, ...] = (250, 500, 1000, 2000, 4000)
    seeds: int = 10

    def cost(self, samples: int, seed: int) -> float:
        """Return the number of samples."""
        return samples

    def measure(self, samples: int, seed: int) -> pd.DataFrame:
        """Return one row per arm: test R^2 and recall of the support."""
        model = SingleIndex.sparse(
            self.inputs, self.support, self.coefficients, self.noise, rng=[seed, 0]
        )
        x, y = model.sample(samples, rng=[seed, 1, samples])
        test = model.sample(4000, rng=[seed, 2])
        rows = []
        for arm, chosen in self.arms(model, x, y, seed):
            fitted = fit_two_layer(x, y, chosen, pairs=self.pairs, rng=[seed, 5])
            found = np.isin(model.support, chosen).mean()
            rows.append((arm, len(chosen), found, fitted.r_squared(*test)))
        return pd.DataFrame(rows, columns=["arm", "inputs_kept", "recall", "r_squared"])

    def arms(
        self, model: SingleIndex, x: np.ndarray, y: np.ndarray, seed: int
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the inputs that each arm is trained on."""
        for name, point in (
            ("screened, plain basis", 1.0),
            (f"screened, c = {self.c:g}", self.c),
            ("screened, c = 1/log d", 1 / log(self.inputs)),
        ):
            found = screen(x, y, self.kept, c=point, parts=self.parts, rng=[seed, 4])
            yield name, found.kept
        rng = np.random.default_rng([seed, 3])
        yield "random inputs", rng.choice(self.inputs, self.kept, replace=False)
        yield "all inputs", np.arange(self.inputs)
        yield "oracle", model.support

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"sparse_index": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"sparse_index": draw(tables["sparse_index"])}


def draw(frame: pd.DataFrame) -> Figure:
    """Draw recall of the support and test R^2 against the number of samples."""
    arms = list(frame["arm"].unique())
    with figure_style("neurips", columns=2, aspect=0.9):
        fig, axes = plt.subplots(1, 2, layout="constrained")
        # all inputs and the oracle keep the support by definition
        for ax, value, shown in ((axes[0], "recall", arms[:4]), (axes[1], "r_squared", arms)):
            plot_means(frame, "samples", value, "arm", ax=ax, order=shown, legend=False)
            ax.set(xscale="log", xlabel="training samples", ylim=(-0.25, 1.05))
            ticks = sorted(frame["samples"].unique())
            ax.set_xticks(ticks, [str(tick) for tick in ticks])
            ax.minorticks_off()
        axes[0].set(ylabel="share of the support kept\n(mean, 95% interval)", ylim=(-0.05, 1.05))
        axes[1].set(ylabel="test $R^2$ (mean, 95% interval)")
        share_legend(fig, columns=3)
    return fig


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean and 95 % interval of test R^2, and mean recall, per arm and sample size."""
    table = mean_intervals(frame, "r_squared", ["samples", "arm"])
    recall = frame.groupby(["samples", "arm"], sort=False)["recall"].mean().reset_index()
    return table.merge(recall)


if __name__ == "__main__":
    launch("sparse_index")
