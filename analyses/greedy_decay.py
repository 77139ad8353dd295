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

from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.catalogue import Entry
from analyses.options import Options, run_script, start
from regions.figures import (
    figure_style,
    mean_intervals,
    plot_means,
    save_figure,
    share_legend,
)
from regions.resume import run_tasks
from regions.theory import GreedyDecay, greedy_decay
from regions.theory.greedy_decay import CURVES, RULES
from regions.training import Recipe, build_model, load_data, train

ENTRY = Entry(
    figure="Ye, Wu & Liu 2020, rates of greedy selection",
    minutes=0.1,
    inputs="digits or --data PATH",
)
_SHOWN = 1e-5  # of |f|^2: the curves below are close to rounding


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

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
    out: Path = Path("out/greedy_decay")
    smoke: bool = False
    """Two small networks, few steps."""


def compute(config: Config) -> pd.DataFrame:
    """Return D by network, curve, and number of units or steps, and the rates fitted to it.

    Rows with `form` are fits; the others are points of a curve, `number` units or steps (`against`)
    and `share` = D / |f|^2.
    """
    if config.smoke:
        config = replace(config, hidden=16, seeds=2, epochs=2, steps=40, draws=3, images=200)
    names = ("data", "hidden", "epochs", "steps", "draws", "images", "start")
    common = {name: getattr(config, name) for name in names}
    tasks = [{"seed": seed, **common} for seed in range(config.seeds)]
    folder = config.out / "tasks"
    with config.workers.active():
        return run_tasks(tasks, run_network, folder, progress=config.progress)


def run_network(
    seed: int,
    data: str,
    hidden: int,
    epochs: int,
    steps: int,
    draws: int,
    images: int,
    start: str,
) -> pd.DataFrame:
    """Train one network and return its curves and fits."""
    loaded = load_data(data)
    model = build_model("mlp", loaded.image_shape, loaded.classes, seed=seed, hidden=(hidden,))
    trained = train([model], loaded, Recipe(epochs=epochs), seeds=[seed]).models()[0]
    decay = greedy_decay(
        trained,
        loaded.train.inputs[:images],
        steps=steps,
        start=start,
        draws=draws,
        input_shape=loaded.image_shape,
        rng=seed,
    )
    return _rows(decay)


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


def main() -> None:
    """Compute, print the numbers, and save figure and provenance."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    print(tabulate(frame).to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    print(
        "Random units with free weights decay about exponentially as well: the form of the decay "
        "does not distinguish greedy selection."
    )
    paths = save_figure(draw(frame), config.out / "greedy_decay", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
