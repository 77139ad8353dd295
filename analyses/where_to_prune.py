"""Where to prune: which layer densities and which weights survive extreme sparsity best.

    python -m analyses.where_to_prune                              digits
    python -m analyses.where_to_prune --data mnist.npz             the published setting
    python -m analyses.where_to_prune --hidden 100 100 100 100 100
    python -m analyses.where_to_prune --model lenet5 --data mnist.npz --limit 12000
    python -m analyses.where_to_prune --model convnet --data cifar10.npz --no-scan --no-objectives
    python -m analyses.where_to_prune --model resnet20 --data cifar10.npz \
        --weights cifar10_resnets.npz --epochs 1 --limit 6000 --no-scan --no-objectives

A re-test of Cai et al. (CPAIOR 2023, arXiv:2301.07966), who choose layer densities by a bound on
the number of linear regions: dense training, one-shot magnitude pruning layer by layer, biases and
the output layer whole, fine-tuning. Compared are all objectives and rules of `regions.allocate`,
plain and repaired, masks of disjoint paths, SynFlow, random masks, and a scan of splits whose best
(on validation images) is the oracle that regret is measured from. Every choice is made on
validation images; test images are looked at once, at the end. With published weights nothing is
trained densely, and the networks of several seeds differ in the order of the images alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import nn

import regions
from analyses import where_to_prune_figures as figures
from analyses import where_to_prune_statistics as statistics
from analyses.catalogue import Entry
from analyses.published import as_published, states_of, with_state
from analyses.study import Study, launch
from regions.errors import ArgumentError, BudgetError
from regions.training import (
    DataSet,
    Recipe,
    TrainResult,
    build_model,
    evaluate,
    load_data,
    train,
)

ENTRY = Entry(
    figure="Cai et al. 2023, Figures 3 and 4, re-tested",
    minutes=6.0,
    inputs="digits or --data PATH",
)
RULES = ("uniform", "erk", "equal", "lamp", "global")
OBJECTIVES = (
    "effective-weights", "effective-units", "expected", "expected-log", "rank", "rows", "live",
    "effective",
)  # fmt: skip
SCAN = (1.4, 1.2, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0, -0.25, -0.6)
"""Exponents t of the scan: a layer of n weights gets a share proportional to n^t."""


@dataclass(frozen=True, kw_only=True)
class WhereToPrune(Study):
    """One network at one density, pruned by every arm and trained on as one stack.

    Epochs, batch size, learning rate and densities are the paper's.
    """

    axes = {"density": "densities", "seed": "seeds"}
    small = {
        "hidden": (8, 8),
        "seeds": 2,
        "densities": (0.1,),
        "epochs": 2,
        "random_masks": 1,
        "rounds": 2,
    }
    shown = ("means", "differences", "regret", "correlations", "published_gain")

    data: str = "digits"
    """"digits", or the path of an .npz file or folder of images."""
    model: Literal["mlp", "lenet5", "convnet", "vgg11", "resnet20"] = "mlp"
    """For lenet5 the fully connected layers are pruned, as published; of others all hidden ones."""
    weights: Path | None = None
    """An .npz file of trained weights under MODEL/NAME, in place of training."""
    whole: bool = False
    """Prune the convolutions of lenet5 too."""
    hidden: tuple[int, ...] = (100, 100)
    """Widths of the perceptron."""
    densities: tuple[float, ...] | None = None
    """By default those published for this network (on MNIST, if the data set is another)."""
    seeds: int = 10
    epochs: int | None = None
    """Epochs of training, and again of fine-tuning: by default 15, as published; for digits 60."""
    batch_size: int | None = None
    """By default 128, as published; for digits, which are few, 32."""
    learning_rate: float = 0.01
    limit: int | None = None
    """Training images at most."""
    random_masks: int = 4
    """Random masks per network and density."""
    scan: bool = True
    """Also train the scan of splits that regret and correlations with bounds are measured from."""
    objectives: bool = True
    """Also allocate by the objectives that search."""
    rounds: int = 1
    """With 3, say: also prune in so many rounds, fine-tuning in between."""
    device: str = "cpu"

    @property
    def network(self) -> str:
        """The paper's name of the network, such as 2x100."""
        hidden = self.hidden
        if self.model != "mlp":
            return "LeNet" if self.model == "lenet5" and not self.whole else self.model
        return f"{len(hidden)}x{hidden[0]}" if len(set(hidden)) == 1 else "-".join(map(str, hidden))

    @property
    def recipe(self) -> Recipe:
        """How networks are trained, before pruning and after."""
        assert self.epochs is not None and self.batch_size is not None  # settled
        return Recipe(epochs=self.epochs, batch_size=self.batch_size, lr=self.learning_rate)

    def settled(self) -> Study:
        """Return the settings that are used, checked, with those of the paper or of digits."""
        study = self._shrunk()
        wrong = [density for density in study.densities or () if not 0 < density <= 1]
        if wrong or study.densities == ():
            raise ArgumentError(f"densities must be fractions above 0 and at most 1, got {wrong}")
        if study.seeds < 2:
            raise ArgumentError(f"seeds is {study.seeds}; intervals need 2 networks or more")
        name = _images(study).name
        few = study.data == "digits"
        return replace(
            study,
            densities=study.densities or statistics.published_densities(name, study.network),
            epochs=study.epochs or (60 if few else 15),
            batch_size=study.batch_size or (32 if few else 128),
        )

    def prepare(self, home: Path) -> TrainResult:
        """Train the networks of all seeds, or read them back."""
        data = _images(self)
        options = {"hidden": self.hidden} if self.model == "mlp" else {}
        fresh = [
            build_model(self.model, data.image_shape, data.classes, seed=seed, **options)
            for seed in range(self.seeds)
        ]
        if self.weights is not None:
            state = states_of(self.weights, self.model)[self.model]
            given = [with_state(network, state) for network in fresh]
            return train(given, data, replace(self.recipe, epochs=0), device=self.device)
        folder = home / f"dense-{self.seeds}"
        options = {"device": self.device, "checkpoint": folder, "progress": self.progress}
        return train(fresh, data, self.recipe, **options)

    def given(self, prepared: TrainResult, density: float, seed: int) -> dict[str, nn.Module]:
        """Return the network of the seed."""
        return {"network": prepared.model(seed)}

    def cost(self, density: float, seed: int) -> float:
        """Return about how long it takes, since searches take longer where more is kept."""
        return 1.0 + 200 * density

    def measure(self, density: float, seed: int, *, network: nn.Module) -> pd.DataFrame:
        """Prune one network at one density by every arm, fine-tune all of them, and measure."""
        images = _images(self)
        layers = regions.Masks.from_model(network, images.image_shape)
        spared = self.model == "lenet5" and not self.whole
        skip = [name for name in layers if spared and name.startswith("conv")]
        problem = {"skip": skip, "input_shape": images.image_shape}
        arms = [(arm, network) for arm in _arms(network, density, seed, problem, self)]
        arms += _in_rounds(network, images, density, seed, problem, self)
        order, distinct = _distinct([arm.masks for arm, _ in arms], [model for _, model in arms])
        starts, masks = zip(*distinct, strict=True)
        options = {"seeds": [seed] * len(masks), "device": self.device}
        tuned = train(starts, images, self.recipe, masks=masks, **options)
        test = evaluate(tuned, images.test, device=self.device).accuracy
        structure = [_structure(network, mask, skip, self.scan) for mask in masks]
        rows = []
        for (arm, _), place in zip(arms, order, strict=True):
            row = {"allocation": arm.allocation, "selection": arm.selection}
            row |= {"accuracy": test[place], "validation": _last(tuned, place)}
            rows.append({**row, **structure[place]})
        return pd.DataFrame(rows)

    def joined(self, rows: pd.DataFrame, prepared: TrainResult) -> pd.DataFrame:
        """Return the rows with the accuracy of the dense networks."""
        data = _images(self)
        accuracy = evaluate(prepared, data.test, device=self.device).accuracy
        return rows.assign(dense_accuracy=accuracy[rows["seed"]], data=data.name)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all tables of the statistics, and all rows for every figure of them."""
        drawn = dict.fromkeys(("accuracy", "objectives", "splits"), rows)
        return {**statistics.tables(rows, self.network), **drawn}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return accuracy, regret, objectives against accuracy, and splits."""
        return figures.draw_all(tables)


def _images(study: WhereToPrune) -> DataSet:
    return _load(study.data, study.limit, study.weights is not None)


@lru_cache(maxsize=1)
def _load(source: str, limit: int | None, published: bool) -> DataSet:
    data = load_data(source, limit=limit, rng=0)
    return as_published(data) if published else data


@dataclass(frozen=True)
class Arm:
    """How the layers' counts are chosen, how the weights, and the masks that result."""

    allocation: str
    selection: str
    masks: regions.Masks


def _distinct(masks: list, models: list) -> tuple[list[int], list]:
    """Return each arm's place among the arms that differ: equal starts are trained once."""
    found: list = []
    order = []
    for mask, model in zip(masks, models, strict=True):
        same = [i for i, (m, other) in enumerate(found) if other == mask and m is model]
        order.append(same[0] if same else len(found))
        if not same:
            found.append((model, mask))
    return order, found


def _last(tuned: Any, place: int) -> float:
    history = tuned.history
    return history.loc[history["model"] == place, "validation_accuracy"].iloc[-1]


def _arms(
    network: Any, density: float, seed: int, problem: dict, study: WhereToPrune
) -> Iterator[Arm]:
    shape = problem["input_shape"]
    for name, allocation in _allocations(network, density, problem, study):
        for selection in ("plain", "repair"):
            yield from _pruned(name, selection, network, allocation, shape)
    disjoint = regions.allocate(network, density, "disjoint", **problem)
    together = {"scope": "global", "input_shape": shape}
    for selection in ("plain", "repair", "disjoint"):
        yield from _pruned("disjoint", selection, network, disjoint, shape)
    for name in ("uniform", "erk"):
        allocation = regions.allocate(network, density, name, **problem)
        yield from _pruned(name, "disjoint", network, allocation, shape)
    uniform = regions.allocate(network, density, "uniform", **problem)
    batch = _images(study).train.sample(256, rng=seed)
    snip = {"criterion": "snip", "inputs": batch.inputs, "labels": batch.labels}
    for name, found in (("synflow", {"criterion": "synflow"}), ("snip", snip)):
        yield from _ranked_together(name, network, uniform, together | found)
    balance = regions.allocate(network, density, **problem)
    yield Arm("balance", "default", regions.prune(network, balance, input_shape=shape))
    for draw in range(study.random_masks):
        masks = regions.prune(network, uniform, "random", input_shape=shape, rng=[seed, draw])
        yield Arm("uniform", f"random {draw}", masks)


def _allocations(
    network: Any, density: float, problem: dict, study: WhereToPrune
) -> Iterator[tuple[str, Any]]:
    """Yield the layer counts of every rule, objective and point of the scan."""
    objectives = OBJECTIVES if study.objectives else ()
    for name in (*RULES, "parabola", *objectives):
        try:
            yield name, regions.allocate(network, density, name, **problem)
        except regions.errors.UnsupportedModelError:
            continue  # made for two layers, or for perceptrons
        except ArgumentError:
            if name != "parabola":
                raise
    uniform = regions.allocate(network, density, "uniform", **problem)
    free = [name for name, role in uniform.roles.items() if role == "free"]
    for power in SCAN if study.scan else ():
        yield f"scan {power:g}", _shared(uniform, free, power)


def _shared(uniform: regions.Allocation, free: list[str], power: float) -> dict[str, float]:
    """Return densities with shares proportional to size^power, the same total, at least one."""
    from regions.pruning.counts import apportion

    sizes = {name: int(np.prod(uniform.shapes[name])) for name in free}
    shares = {name: float(size) ** power for name, size in sizes.items()}
    total = sum(uniform.counts[name] for name in free)
    counts = apportion(shares, sizes, total, dict.fromkeys(free, 1))
    return {name: counts[name] / sizes[name] for name in free}


def _pruned(name: str, selection: str, network: Any, budget: Any, shape: Any) -> Iterator[Arm]:
    criterion = "disjoint" if selection == "disjoint" else "magnitude"
    try:
        masks = regions.prune(network, budget, criterion, selection == "repair", input_shape=shape)
    except BudgetError:
        return  # this split has no masks of this kind
    yield Arm(name, selection, masks)


def _ranked_together(name: str, network: Any, budget: Any, options: dict) -> Iterator[Arm]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no weight is kept in the layers")
        yield Arm(name, "plain", regions.prune(network, budget, **options))
    try:
        masks = regions.prune(network, budget, **options, repair=True)
    except BudgetError:
        return  # so many weights of these layers cannot all be on a path
    yield Arm(name, "repair", masks)


def _in_rounds(
    network: Any, images: DataSet, density: float, seed: int, problem: dict, study: WhereToPrune
) -> list[tuple[Arm, Any]]:
    """Return arms that reach the density in several rounds, and the networks they start from."""
    found: list[tuple[Arm, Any]] = []
    shape, rounds = problem["input_shape"], study.rounds
    ways = (("erk", "magnitude", True), ("disjoint", "disjoint", False))
    for name, criterion, repair in ways if rounds > 1 else ():
        model, masks = network, None
        for number in range(1, rounds + 1):
            part = density ** (number / rounds)
            budget = regions.allocate(model, part, name, **problem)
            masks = regions.prune(model, budget, criterion, repair, input_shape=shape)
            if number < rounds:
                recipe = replace(study.recipe, epochs=max(1, study.recipe.epochs // 3))
                again = train([model], images, recipe, masks=[masks], seeds=[seed + 1000 * number])
                model = again.model(0)
        selection = "repair in rounds" if repair else "disjoint in rounds"
        found.append((Arm(name, selection, masks), model))
    return found


def _structure(network: Any, masks: regions.Masks, skip: list[str], bounds: bool) -> dict[str, Any]:
    """Return what the masks alone say about the pruned layers; bounds are NaN if not wanted."""
    effective = masks.effective()
    names = [name for name in list(masks)[:-1] if name not in skip]
    shape = masks.graph.input_shape if masks.graph is not None else None
    net = regions.as_network(network, shape)
    weights = {name: np.abs(net.weights[name]) for name in names}
    return {
        **{f"count_{name}": masks.counts[name] for name in names},
        "effective_weights": sum(effective.weights[name] for name in names),
        "effective_units": sum(effective.units[name] for name in names if name in effective.units),
        "inputs": effective.inputs,
        "magnitude": sum(float(weights[name][masks[name]].sum()) for name in names),
        **{
            f"log2_{kind}": regions.upper_bound(net, kind, masks=masks).log2
            if bounds
            else float("nan")
            for kind in ("rank", "rows", "live", "effective")
        },
    }


if __name__ == "__main__":
    launch("where_to_prune")
