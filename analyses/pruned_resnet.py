"""What pruning does to a really trained residual network, by every instrument.

    python -m analyses.pruned_resnet --data cifar10.npz --weights cifar10_resnets.npz

Published weights (or, without --weights, networks trained here) are pruned, measured, trained on
shortly under the mask, and measured again: accuracy, exact regions on lines between images,
distances to the nearest boundary, local complexity (Humayun et al., arXiv:2402.15555), similarity
of the stages with the dense network and with another trained one, recall by class, and the distance
of tangent kernels. Methods: "global" and "erk" magnitude, "random" at ERK densities, and "disjoint"
paths.

With --weights inputs are scaled as the published networks expect it.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn

import regions
from analyses.catalogue import Entry
from analyses.published import as_published, states_of, with_state
from analyses.study import Study, launch
from regions.atlas.kernels import kernel_distance
from regions.choices import check_name
from regions.figures import figure_style, plot_means, share_legend
from regions.neighbourhoods.rays import orthonormal, switching_units
from regions.representations import DegenerateLayerWarning, SampleSizeWarning
from regions.training import (
    MODELS,
    DataSet,
    Recipe,
    Split,
    build_model,
    evaluate,
    load_data,
    train,
)

ENTRY = Entry(
    figure="Published ResNets, pruned (ours)",
    minutes=None,
    inputs="digits, or --data cifar10.npz --weights cifar10_resnets.npz",
)
ARMS = {
    "global": ({"scope": "global"}, "magnitude"),
    "erk": ({}, "magnitude"),
    "random": ({}, "random"),
    "disjoint": ({}, "disjoint"),
}


@dataclass(frozen=True, kw_only=True)
class PrunedResnet(Study):
    """One network, pruned by one method to one density, before and after training on."""

    axes = {"network": "networks", ("method", "density"): "arms"}
    choosing = ("methods", "densities")
    small = {
        "networks": ("convnet",),
        "methods": ("global", "disjoint"),
        "densities": (1.0, 0.2),
        "width": 2,
        "lines": 1,
        "points": 2,
        "axes_drawn": 2,
        "images": 60,
        "kernel_images": 4,
        "epochs": 2,
    }
    in_rows = False
    shown = ("summary", "recall")

    data: str = "digits"
    """"digits", or a file or folder that `regions.training.load_data` reads."""
    weights: Path | None = None
    """An .npz file of trained weights under NETWORK/NAME; without it networks are trained here."""
    networks: tuple[str, ...] = ("resnet20",)
    methods: tuple[str, ...] = ("global", "erk", "random", "disjoint")
    densities: tuple[float, ...] = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
    width: int = 16
    """Channels of the first stage; published networks have 16."""
    lines: int = 2
    """Lines between images of one class, and as many between images of two."""
    points: int = 50
    """Training images, and as many test images, around which regions are measured."""
    radius: float = 0.005
    """Of the cross-polytopes of local complexity."""
    axes_drawn: int = 10
    """Their dimension."""
    images: int = 2000
    """Test images that representations are compared on."""
    kernel_images: int = 16
    epochs: int = 10
    """Of training without weights."""
    tune_epochs: int = 1
    tune_images: int = 6000

    @property
    def arms(self) -> tuple[tuple[str, float], ...]:
        """Methods with densities: the dense network is one for all of them."""
        dense = [("dense", 1.0)] if 1.0 in self.densities else []
        some = [density for density in self.densities if density < 1.0]
        return (*dense, *((method, density) for method in self.methods for density in some))

    def settled(self) -> PrunedResnet:
        """Return the study that is run; ArgumentError for unknown methods or networks."""
        study = self._shrunk()
        for method in study.methods:
            check_name("method", method, ARMS)
        for network in study.networks:
            check_name("network", network, MODELS)
        return study

    def prepare(self, home: Path) -> dict[str, tuple[dict, dict]]:
        """Return for every network the weights of the dense one and of another trained one."""
        return {name: trained(self, name) for name in self.networks}

    def given(self, prepared: Any, **point: Any) -> dict[str, Any]:
        """Return the weights that a task starts from."""
        return {"weights_of": prepared[point["network"]]}

    def measure(
        self, network: str, method: str, density: float, weights_of: tuple[dict, dict]
    ) -> pd.DataFrame:
        """Prune, measure, train on, measure again."""
        data = images_of(self)
        dense = model_of(self, network, data, weights_of[0])
        other_name = weights_of[1].get("name", network)
        other = model_of(self, other_name, data, weights_of[1]["state"])
        pruned, masks = copy.deepcopy(dense), None
        if density < 1.0:
            masks = masks_of(dense, method, density, data.image_shape)
            masks.apply(pruned, how="zeros")
        some = replace(data, train=data.train.sample(self.tune_images))
        recipe = Recipe(epochs=self.tune_epochs, lr=0.01, batch_size=128, schedule="cosine")
        tuned = train([pruned], some, recipe, masks=masks).model(0)
        frames = []
        for phase, model in (("pruned", pruned), ("tuned", tuned)):
            found = pd.concat(list(self.instruments(model, dense, other, data)), ignore_index=True)
            frames.append(found.assign(phase=phase))
        rows = pd.concat(frames, ignore_index=True)
        return rows.assign(network=network, method=method, density=density)

    def instruments(
        self, model: nn.Module, dense: nn.Module, other: nn.Module, data: DataSet
    ) -> Iterator[pd.DataFrame]:
        """Yield what every instrument says: columns quantity, key and value."""
        yield from correct(model, data.test)
        net = regions.as_network(model.eval(), input_shape=data.image_shape)
        for kind, ends in line_ends(data.test, self.lines).items():
            counts = [regions.count_regions(net, regions.Slice.through(e)) for e in ends]
            yield _rows(f"lines {kind}", [found.count for found in counts])
            yield _rows("uncertified lines", [found.status.name != "EXACT" for found in counts])
        for name, split in (("training", data.train), ("test", data.test)):
            points = split.sample(self.points).inputs.reshape(-1, net.input_size)
            found = regions.local(net, points.astype(np.float64)).to_frame()
            yield _rows(f"distance at {name} images", found["distance"])
            yield _rows(f"complexity at {name} images", complexities(self, net, points))
        inputs = torch.as_tensor(data.test.sample(self.images).inputs)
        for label, reference in (("dense", dense), ("another network", other)):
            yield similarities(model, reference, inputs, label)
        few = data.test.sample(self.kernel_images).inputs
        kernels = [regions.theory.empirical_ntk(each, few) for each in (model, dense)]
        # decimals behind the tenth hang on where arrays lie in memory; 0.0 takes the sign of zero
        yield _rows("kernel distance", [round(kernel_distance(*kernels), 10) + 0.0])

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return one table per question, and means of everything."""
        arm = ["network", "method", "density", "phase"]

        def those(*starts: str) -> pd.DataFrame:
            return rows[rows["quantity"].str.startswith(starts)].reset_index(drop=True)

        means = rows.groupby([*arm, "quantity"], sort=False)["value"].mean().unstack("quantity")
        means = means.drop(columns=["right", "images"]).reset_index()
        return {
            "summary": means.rename_axis(columns=None),
            "accuracy": those("accuracy"),
            "lines": those("lines"),
            "around_images": those("distance", "complexity"),
            "stages": those("svcca", "cka"),
            "kernels": those("kernel"),
            "recall": recall_of(rows),
        }

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return one figure per question."""
        accuracy = tables["accuracy"].assign(quantity="test accuracy (%)")
        accuracy["value"] *= 100
        drawn = {"accuracy": draw(accuracy, "value")}
        for name in ("lines", "around_images", "kernels"):
            drawn[name] = draw(tables[name], "value")
        drawn["stages"] = draw_stages(tables["stages"])
        recall = tables["recall"].assign(quantity="recall intensification", phase="tuned")
        return drawn | {"recall": draw(recall, "estimate")}


def _rows(quantity: str, values: Any) -> pd.DataFrame:
    values = np.asarray(values, dtype=float)
    keys = [str(key) for key in range(len(values))]
    return pd.DataFrame({"quantity": quantity, "key": keys, "value": values})


def images_of(study: PrunedResnet) -> DataSet:
    """Return the data, scaled as published networks expect it if their weights are given."""
    data = load_data(study.data)
    return data if study.weights is None else as_published(data)


def trained(study: PrunedResnet, network: str) -> tuple[dict, dict]:
    """Return the state of a trained network, and of another one with its name.

    From a file these are the networks of that name and of another depth, if there is one; else
    two of different seeds.
    """
    if study.weights is not None:
        states = states_of(study.weights, network)
        other = next((name for name in states if name != network), network)
        return states[network], {"name": other, "state": states[other]}
    data = images_of(study)
    models = [
        build_model(network, data.image_shape, data.classes, seed=seed, width=study.width)
        for seed in (0, 1)
    ]
    recipe = Recipe(epochs=study.epochs, schedule="cosine")
    done = train(models, data, recipe)
    states = [
        {name: value.numpy() for name, value in done.state_dict(index).items()} for index in (0, 1)
    ]
    return states[0], {"name": network, "state": states[1]}


def model_of(study: PrunedResnet, network: str, data: DataSet, state: dict) -> nn.Module:
    """Return a network with given parameters."""
    model = build_model(network, data.image_shape, data.classes, width=study.width)
    return with_state(model, state)


def masks_of(
    model: nn.Module, method: str, density: float, shape: tuple[int, ...]
) -> regions.Masks:
    """Return the masks of one arm; the output layer stays whole."""
    options, criterion = ARMS[method]
    densities: Any = density
    if method in ("erk", "random"):
        densities = regions.allocate(model, density, "erk", input_shape=shape)
    return regions.prune(model, densities, criterion, input_shape=shape, **options)


def correct(model: nn.Module, split: Split) -> Iterator[pd.DataFrame]:
    """Yield how many images of each class are classified correctly, of how many, and the share."""
    labels, classes = evaluate([model], split).predictions[0], np.unique(split.labels)
    right = np.array([(labels[split.labels == c] == c).sum() for c in classes])
    images = np.array([(split.labels == c).sum() for c in classes])
    yield _rows("right", right)
    yield _rows("images", images)
    yield _rows("accuracy", [right.sum() / images.sum()])


def line_ends(split: Split, count: int) -> dict[str, list[np.ndarray]]:
    """Return pairs of images of one class, and of two, the same ones for every network."""
    rng, classes = np.random.default_rng(0), np.unique(split.labels)
    ends: dict[str, list[np.ndarray]] = {"within a class": [], "between classes": []}
    for _ in range(count):
        one, two = rng.choice(classes, size=2, replace=False)
        for kind, second in (("within a class", one), ("between classes", two)):
            pair = [rng.choice(np.flatnonzero(split.labels == label)) for label in (one, second)]
            if pair[0] == pair[1]:
                pair[1] = np.flatnonzero(split.labels == second)[-1]
            ends[kind].append(split.inputs[pair].reshape(2, -1).astype(np.float64))
    return ends


def complexities(study: PrunedResnet, net: Any, points: np.ndarray) -> list[int]:
    """Return the local complexity of Humayun et al. at some points."""
    rng, found = np.random.default_rng(1), []
    for point in points.astype(np.float64):
        axes = orthonormal(rng, net.input_size, study.axes_drawn)
        found.append(int(switching_units(net, point, axes, study.radius).sum()))
    return found


def similarities(
    model: nn.Module, reference: nn.Module, inputs: torch.Tensor, label: str
) -> pd.DataFrame:
    """Return SVCCA and CKA of the stages' outputs (or the ReLUs'), averaged over positions."""
    stages = [name for name, _ in model.named_children() if name.startswith("stage")]
    tapped = stages or [name for name, part in model.named_modules() if isinstance(part, nn.ReLU)]
    seen = []
    for each in (model, reference):
        with regions.capture(each, tapped, mode="gap") as captured, torch.no_grad():
            each(inputs)
            seen.append({name: captured[name].numpy().astype(np.float64) for name in tapped})
    rows = []
    with warnings.catch_warnings():  # small forms have few images, and dead channels are a finding
        warnings.simplefilter("ignore", SampleSizeWarning)
        warnings.simplefilter("ignore", DegenerateLayerWarning)
        for name in tapped:
            for measure in (regions.svcca, regions.cka):
                value = measure(seen[0][name], seen[1][name]).value
                quantity = f"{measure.__name__} with {label}"
                rows.append({"quantity": quantity, "key": name, "value": value})
    return pd.DataFrame(rows)


def recall_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the recall intensification of every arm that was trained on.

    One network gives the published slope over classes, and no interval for it.
    """
    tuned, found = rows[rows["phase"] == "tuned"], []
    for network, own in tuned.groupby("network", sort=False):
        right, images = (own[own["quantity"] == name] for name in ("right", "images"))
        dense, pruned = (right[(right["method"] == "dense") == whole] for whole in (True, False))
        if dense.empty:
            continue
        sizes = images.loc[images["method"] == "dense", "value"].to_numpy(dtype=int)
        for method, part in pruned.groupby("method", sort=False):
            table = regions.RecallTable.from_counts(
                dense["value"].to_numpy(dtype=int)[None],
                {
                    1 / cast(float, density): counts["value"].to_numpy(dtype=int)[None]
                    for density, counts in part.groupby("density", sort=False)
                },
                sizes,
            )
            result = regions.intensification(table, "ols").to_frame()
            found.append(result.assign(network=network, method=method))
    if not found:
        return pd.DataFrame(columns=["network", "method", "ratio", "estimate", "density"])
    table = pd.concat(found, ignore_index=True)
    return table.assign(density=1 / table["ratio"])


def draw_stages(table: pd.DataFrame) -> Figure:
    """Draw similarity with the dense network, a panel per measure and stage.

    The grey line is the dense network's own similarity with another trained one.
    """
    named = table.assign(
        stage=table["quantity"].str.split().str[0].str.upper() + ", " + table["key"]
    )
    own = named["quantity"].str.endswith("with dense")
    other = named[~own & (named["method"] == "dense") & (named["phase"] == "pruned")]
    shown = named[own & (named["method"] != "dense")].assign(quantity=named["stage"])
    grey = dict(zip(other["stage"], other["value"], strict=True))
    order = sorted(grey, key=lambda name: name.split(", "))
    return draw(shown, "value", ("another", grey), order, columns=3)


def draw(
    table: pd.DataFrame,
    value: str,
    grey: tuple[str, Mapping[str, float]] | None = None,
    names: Sequence[str] = (),
    columns: int = 2,
) -> Figure:
    """Draw one panel per quantity: a value against density, a colour per method.

    Dotted lines are networks as they are pruned, others are trained on. The grey line of each panel
    has a name and a height; by default it is the dense network.
    """
    names = list(names or table["quantity"].unique())
    curves = table.assign(arm=table["method"] + ", " + table["phase"]).dropna(subset=[value])
    methods = list(curves.loc[curves["method"] != "dense", "method"].unique())
    if grey is None:
        dense = curves[(curves["method"] == "dense") & (curves["phase"] == "pruned")]
        grey = "dense", dense.groupby("quantity")[value].mean().to_dict()
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    shape = (0.4, 0.8, 1.0)[columns - 1]  # room for the legend below
    with figure_style("neurips", "text", rows=rows, columns=columns, aspect=shape):
        fig, axes = plt.subplots(rows, columns, layout="constrained", squeeze=False)
        for ax, name in zip(axes.flat, names, strict=False):
            part = curves[curves["quantity"] == name]
            for phase, style in (("pruned", ":"), ("tuned", "-")):
                arms = [f"{method}, {phase}" for method in methods]
                arms = arms if phase in set(curves["phase"]) else []
                look = {"order": arms, "legend": False, "ls": style, "ms": 3, "lw": 1}
                plot_means(part, "density", value, "arm", ax=ax, **look)
            if name in grey[1]:
                ax.axhline(grey[1][name], color="0.5", linewidth=0.8, label=grey[0])
            ax.set(xscale="log", xlabel="density", ylabel="", title=name)
            if name.startswith("distance"):
                ax.set_yscale("log")
            ticks = sorted(curves.loc[curves["method"] != "dense", "density"].unique())
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.minorticks_off()
        for ax in axes.flat[len(names) :]:
            ax.remove()
        share_legend(fig, columns=5)
    return fig


if __name__ == "__main__":
    launch("pruned_resnet")
