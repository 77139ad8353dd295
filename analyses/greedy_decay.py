"""How few units imitate a layer: greedy selection (Ye, Wu and Liu 2020) beside its controls.

    python -m analyses.greedy_decay

The theorem says that the discrepancy D falls exponentially in the number of units selected. The
first panel shows D against the number of units for three greedy rules and four controls with the
same number of units: free least-squares weights on the units of line search, a refit of all their
outgoing weights, forward selection with free weights, and random live units with free weights.
The second shows D against steps. "Exponential" does not distinguish the method: at this size every
curve of the first panel falls about so, random units included; with free weights these overtake
the uniform weights of the published code. Against steps the rules that repeat units fall like a
power.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from regions.theory import GreedyDecay, greedy_decay
from regions.theory.greedy_decay import CURVES, RULES
from regions.training import Recipe, build_model, load_data, train

ENTRY = Entry(
    figure="Ye, Wu & Liu 2020, rates of greedy selection",
    minutes=0.1,
    inputs="digits or --data PATH",
)
_SHOWN = 1e-5  # of |f|^2: the curves below are close to rounding


@dataclass(frozen=True, kw_only=True)
class GreedyDecayStudy(Study):
    """One network per seed, and D along every curve of it."""

    axes = {"seed": "seeds"}
    small = {"hidden": 16, "seeds": 2, "epochs": 2, "steps": 40, "draws": 3, "images": 200}

    data: str = "digits"
    """"digits", or a path that `regions.training.load_data` reads."""
    hidden: int = 64
    """Units of the only hidden layer."""
    seeds: int = 10
    """Networks trained."""
    epochs: int = 30
    steps: int = 400
    draws: int = 20
    """Random orders of the units per network."""
    images: int = 2000
    """At most so many training images measure D."""
    start: str = "unit"
    """"zero" lets the first step be short."""

    def measure(self, seed: int) -> pd.DataFrame:
        """Train one network and return its curves, and the rates fitted to them.

        Rows with `form` are fits; the others are points of a curve, `number` units or steps
        (`against`) and `share` = D / |f|^2.
        """
        data = load_data(self.data)
        shape, hidden = data.image_shape, (self.hidden,)
        model = build_model("mlp", shape, data.classes, seed=seed, hidden=hidden)
        decay = greedy_decay(
            train([model], data, Recipe(epochs=self.epochs), seeds=[seed]).model(0),
            data.train.inputs[: self.images],
            steps=self.steps,
            start=self.start,
            draws=self.draws,
            input_shape=shape,
            rng=seed,
        )
        return _rows(decay)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"greedy_decay": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"greedy_decay": draw(tables["greedy_decay"])}

    def remarks(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return what the rates do not say."""
        return [
            "Random units with free weights decay about exponentially as well: the form of the "
            "decay does not distinguish greedy selection."
        ]


def _rows(decay: GreedyDecay) -> pd.DataFrame:
    parts = []
    for against, frame in (("support", decay.by_support()), ("step", decay.to_frame())):
        chosen = frame if against == "support" else frame[frame["curve"].isin(RULES)]
        means = chosen.groupby(["curve", against], sort=False)["share"].mean().reset_index()
        parts.append(means.rename(columns={against: "number"}).assign(against=against))
    table = pd.concat([*parts, decay.fits()], ignore_index=True)
    return table.assign(live=decay.live, units=decay.units)


def draw(frame: pd.DataFrame) -> Figure:
    """Draw D against units and against steps."""
    points = frame[frame["form"].isna() & (frame["share"] > _SHOWN)]
    points = points.assign(decades=np.log10(points["share"].to_numpy(dtype=float)))
    with figure_style("neurips", columns=2, aspect=1.3):
        fig, axes = plt.subplots(1, 2, layout="constrained", sharey=True)
        for ax, against, shown in ((axes[0], "support", CURVES), (axes[1], "step", tuple(RULES))):
            part = points[points["against"] == against]
            everywhere = _in_all_networks(part)
            order = [curve for curve in shown if (everywhere["curve"] == curve).any()]
            look = {"order": order, "legend": False, "markevery": 0.12}
            plot_means(everywhere, "number", "decades", "curve", ax=ax, **look)
        axes[0].set(xlabel="units with a weight")
        axes[0].set_ylabel("$\\log_{10}$ of the discrepancy $D / |f|^2$\n(mean, 95% interval)")
        axes[1].set(xlabel="steps", ylabel="", xscale="log")
        share_legend(fig, columns=2)
    return fig


def _in_all_networks(part: pd.DataFrame) -> pd.DataFrame:
    """Drop points that some network has not: a mean over the rest would jump."""
    count = part.groupby(["curve", "number"])["seed"].transform("nunique")
    return part[count == part["seed"].nunique()]


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rates: mean over networks with 95 % interval, and mean R^2, by curve and form.

    The rate is that of log D, per unit or step (exponential) or as a power of it.
    """
    keys = ["against", "form", "curve"]
    fits = frame[frame["form"].notna()]
    fit = fits.groupby(keys, sort=False)[["r_squared", "rms"]].mean().reset_index()
    return mean_intervals(fits, "rate", keys).merge(fit)


if __name__ == "__main__":
    launch("greedy_decay")
