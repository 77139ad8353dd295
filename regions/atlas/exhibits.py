"""The figures of an atlas: one panel each, with its words and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import regions
from regions.atlas.findings import Findings
from regions.atlas.measure import CONTROL, DENSE, make_cell
from regions.atlas.tabulate import ESTIMATORS
from regions.errors import DomainError
from regions.figures import (
    MARKERS,
    PALETTE,
    figure_style,
    mean_intervals,
    plot_means,
    share_legend,
)


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """One figure of the page.

    Attributes
    ----------
    name : str
        Of its files.
    title, caption : str
    description : str
        What it shows and how, for readers who cannot see it.
    draw : callable
        Returns the figure.
    data : pandas.DataFrame
        The numbers drawn.
    wide : bool
        Give it the whole width of the page.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> exhibit = Exhibit(
    ...     name="own", title="Own", caption="", description="Nothing.", draw=plt.figure,
    ...     data=pd.DataFrame(),
    ... )
    >>> exhibit.name, exhibit.wide
    ('own', False)
    """

    name: str
    title: str
    caption: str
    description: str
    draw: Callable[[], Figure] = field(repr=False)
    data: pd.DataFrame = field(repr=False)
    wide: bool = False


def exhibits(atlas: Findings) -> list[Exhibit]:
    """Return the figures: numbers against density, layers, recall, and maps of one plane."""
    curves = [_curve(atlas, *words) for words in _CURVES]
    return [*curves, *_similarities(atlas), *_recalls(atlas), *_maps(atlas)]


# column of the networks, title, label of the axis, what it is
_CURVES = (
    ("accuracy", "Accuracy", "test accuracy (%)", "Test accuracy after fine-tuning"),
    (
        "regions_plane",
        "Regions on planes",
        "linear regions per plane",
        "Exact number of linear regions on planes through three test images",
    ),
    (
        "regions_line",
        "Regions on lines",
        "linear regions per segment",
        "Exact number of linear regions on segments between two classes",
    ),
    (
        "live_bound",
        "Bound on regions",
        "live bound (log$_2$ of regions)",
        "Upper bound on the linear regions of the whole input space, from the masks",
    ),
    (
        "effective_units",
        "Effective units",
        "effective hidden units",
        "Hidden units on a path of kept weights from an input to an output",
    ),
    (
        "ntk_distance",
        "Tangent kernel",
        "distance to the dense kernel",
        "Distance of the tangent kernel to the dense network's (1 - centred alignment)",
    ),
)


def _curve(atlas: Findings, key: str, title: str, label: str, what: str) -> Exhibit:
    scale = 100 if key == "accuracy" else 1
    rows = atlas.networks.assign(value=scale * atlas.networks[key].astype(float))
    data = mean_intervals(rows, "value", ["method", "density"])
    return Exhibit(
        name=key.replace("_", "-"),
        title=title,
        caption=f"{what}.",
        description=f"{what}, against density, one line per method: means over "
        f"{atlas.settings.seeds} networks with 95 % intervals. Grey lines are the references.",
        draw=partial(_draw_curve, rows, label, atlas.settings.densities),
        data=data,
    )


def _draw_curve(rows: Any, label: str, densities: tuple[float, ...]) -> Figure:
    with figure_style("icml", "column", 0.85):
        fig, ax = plt.subplots()
        _draw_against_density(ax, rows, label, densities)
        share_legend(fig, columns=2)
    return fig


def draw_accuracy(atlas: Findings, ax: Axes) -> Axes:
    """Draw the accuracy of each method against density, with the references in grey."""
    key, _, label, _ = _CURVES[0]
    rows = atlas.networks.assign(value=100 * atlas.networks[key].astype(float))
    _draw_against_density(ax, rows, label, atlas.settings.densities)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return ax


def _draw_against_density(ax: Axes, rows: Any, label: str, densities: tuple[float, ...]) -> None:
    methods = rows[~rows["method"].isin((DENSE, CONTROL))]
    names = list(dict.fromkeys(methods["method"]))
    # methods stand side by side, or those of equal values would hide each other
    shift = {name: 1.03 ** (i - (len(names) - 1) / 2) for i, name in enumerate(names)}
    methods = methods.assign(density=methods["density"] * methods["method"].map(shift))
    plot_means(methods, "density", "value", "method", interval="bars", legend=False, ax=ax)
    for name, style in ((DENSE, "-"), (CONTROL, ":")):
        value = rows.loc[rows["method"] == name, "value"].mean()
        if np.isfinite(value):
            ax.axhline(value, color="0.45", lw=0.9, ls=style, label=name, zorder=1)
    ax.set(xlabel="density (fraction of weights kept)", ylabel=label)
    _density_axis(ax, densities)


def _density_axis(ax: Axes, densities: tuple[float, ...]) -> None:
    ax.set_xscale("log")
    ticks = sorted(densities)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlim(ticks[-1] * 1.15, ticks[0] / 1.15)


def _similarities(atlas: Findings) -> list[Exhibit]:
    """Return one figure per density: SVCCA by layer, with the dense-vs-dense reference."""
    if atlas.layers.empty:
        return []
    layers: Any = atlas.layers.assign(value=atlas.layers["svcca"].astype(float))
    reference = layers[layers["method"].isin((DENSE, CONTROL))]
    known = (reference["method"] == DENSE).any()
    solid = " Solid grey: two dense networks of different seeds." if known else ""
    found = []
    for density in atlas.settings.densities:
        here = layers["density"] == density
        part = layers[here & ~layers["method"].isin((DENSE, CONTROL))]
        rows = pd.concat([part, reference], ignore_index=True)
        found.append(
            Exhibit(
                name=f"svcca-density-{density:g}",
                title=f"SVCCA by layer, density {density:g}",
                caption="Similarity of each layer to the dense network's." + solid,
                description="SVCCA to the dense network against layer, one line per method: "
                "means with 95 % intervals. Grey is the same for two dense networks of different "
                "seeds, and for the dense network trained on.",
                draw=partial(_draw_similarity, rows),
                data=mean_intervals(rows, "value", ["method", "layer"]),
            )
        )
    return found


def _draw_similarity(rows: Any) -> Figure:
    names = list(dict.fromkeys(rows["layer"]))
    placed = rows.assign(place=rows["layer"].map(names.index))
    methods = placed[~placed["method"].isin((DENSE, CONTROL))]
    with figure_style("icml", "column", 0.85):
        fig, ax = plt.subplots()
        plot_means(methods, "place", "value", "method", interval="bars", legend=False, ax=ax)
        for name, style, label in (
            (DENSE, "-", "dense vs another dense"),
            (CONTROL, ":", "dense vs trained on"),
        ):
            part = placed[placed["method"] == name]
            if len(part):
                look = {"color": "0.45", "marker": "", "ls": style, "zorder": 1}
                means = part.groupby("place")["value"].mean()
                ax.plot(means.index, means, label=label, **look)
        ax.set_xticks(range(len(names)), names)
        if len(names) > 6:
            ax.tick_params(axis="x", labelrotation=90)
        ax.set(xlabel="layer", ylabel="SVCCA to the dense network", ylim=(None, 1.01))
        ax.margins(x=0.12)
        share_legend(fig, columns=2)
    return fig


def _recalls(atlas: Findings) -> list[Exhibit]:
    """Return one figure per estimator that could be applied."""
    if atlas.recall is None:
        return []
    found: Any = atlas.recall
    rows = found[(found["method"] != CONTROL) & found["estimate"].notna()]
    columns = ["method", "density", "estimate", "low", "high", "pvalue_adjusted", "verdict"]
    return [
        Exhibit(
            name=f"recall-{column.heading}".replace(" ", "-"),
            title=f"Recall intensification {column.heading}",
            caption="Above 1, classes of low recall lost more than others. All networks of a "
            "method and density together.",
            description="Slope of pruned on dense recall balances, free of measurement noise, "
            "against density, with 95 % intervals, one marker per method.",
            draw=partial(_draw_recall, part, atlas.settings.densities),
            data=part[columns],
        )
        for column in atlas.quantities
        if len(part := rows[rows["estimator"] == ESTIMATORS.get(column.key)])
    ]


def _draw_recall(rows: Any, densities: tuple[float, ...]) -> Figure:
    methods = list(dict.fromkeys(rows["method"]))
    with figure_style("icml", "column", 0.85):
        fig, ax = plt.subplots()
        for index, method in enumerate(methods):
            part = rows[rows["method"] == method]
            shift = 1.04 ** (index - (len(methods) - 1) / 2)  # so that intervals stay apart
            error = [part["estimate"] - part["low"], part["high"] - part["estimate"]]
            ax.errorbar(
                part["density"] * shift,
                part["estimate"],
                yerr=np.array(error, dtype=float),
                fmt=MARKERS[index % len(MARKERS)],
                color=PALETTE[index % len(PALETTE)],
                capsize=2,
                label=method,
            )
        ax.axhline(1, color="0.45", lw=0.9, ls="--", label="no intensification: 1", zorder=1)
        ax.set(xlabel="density (fraction of weights kept)", ylabel="intensification ratio")
        _density_axis(ax, densities)
        share_legend(fig, columns=2)
    return fig


def _maps(atlas: Findings) -> list[Exhibit]:
    """Return pictures of one plane: the first network, dense, and pruned to the least density."""
    least = min(atlas.settings.densities)
    shown = [(DENSE, 1.0), *((method, least) for method in atlas.settings.methods)]
    return [_map(atlas, method, density) for method, density in shown]


def _map(atlas: Findings, method: str, density: float) -> Exhibit:
    keys = {"method": method, "density": density, "seed": 0, "domain": "plane", "slice": 0}
    rows: Any = atlas.slices
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    where = "dense" if method == DENSE else f"{method}, density {density:g}"
    found = rows.iloc[0]
    known = found["count_status"] == "EXACT"
    count = f"{'' if known else 'at least '}{found['at_least']:,}"
    return Exhibit(
        name=f"map-{method}-{density:g}".replace(" ", "-"),
        title=f"Map: {where}",
        caption=f"The first network on a plane through three test images: {count} regions, "
        "coloured by predicted class; rings are the images.",
        description=f"The {count} linear regions of the first network ({where}) on the first "
        "plane through three test images; colours are predicted classes, lines the boundaries.",
        draw=partial(_draw_map, atlas, method, density, int(found["at_least"])),
        data=rows,
    )


def _draw_map(atlas: Findings, method: str, density: float, count: int) -> Figure:
    survey = atlas.survey
    model = make_cell(method, density, survey).models[0]
    net = regions.as_network(model, input_shape=survey.data.image_shape)
    width = 0.25 * min(1.0, (2000 / max(count, 1)) ** 0.5)  # many boundaries would be black
    with figure_style("icml", "column", 0.85):
        fig, ax = plt.subplots()
        try:
            regions.plot_regions(net, survey.planes[0], by="class", ax=ax, linewidth=width)
        except DomainError as error:
            ax.text(0.5, 0.5, str(error), ha="center", va="center", wrap=True)
        ax.grid(False)
        for collection in ax.collections:  # thousands of polygons: a picture inside the SVG
            collection.set_rasterized(True)
    return fig
