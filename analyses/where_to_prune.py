"""Where to prune: which layer densities and which weights survive extreme sparsity best.

    python -m analyses.where_to_prune                              digits
    python -m analyses.where_to_prune --data mnist.npz             the published setting
    python -m analyses.where_to_prune --hidden 100 100 100 100 100
    python -m analyses.where_to_prune --model lenet5 --data mnist.npz --limit 12000

A re-test of Cai et al. (CPAIOR 2023, arXiv:2301.07966), who choose layer densities by a bound on
the number of linear regions: dense training, one-shot magnitude pruning layer by layer, biases and
the output layer whole, fine-tuning. Compared are all objectives and rules of `regions.allocate`,
plain and repaired, masks of disjoint paths, SynFlow, random masks, and a scan of splits whose best
(on validation images) is the oracle that regret is measured from. Every choice is made on
validation images; test images are looked at once, at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

import regions
from analyses import where_to_prune_figures as figures
from analyses import where_to_prune_statistics as statistics
from analyses.catalogue import Entry
from analyses.options import Options, run_script, start
from regions.errors import ArgumentError, BudgetError
from regions.figures import save_figure, save_table
from regions.resume import fingerprint, run_tasks
from regions.training import DataSet, Recipe, build_model, evaluate, load_data, train

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


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study; epochs, batch size, learning rate and densities are the paper's."""

    data: str = "digits"
    """"digits", or the path of an .npz file or folder of images."""
    model: Literal["mlp", "lenet5"] = "mlp"
    """For lenet5 the fully connected layers are pruned, as published."""
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
    """Also train the scan of splits that regret is measured from."""
    objectives: bool = True
    """Also allocate by the objectives that search."""
    rounds: int = 1
    """With 3, say: also prune in so many rounds, fine-tuning in between."""
    device: str = "cpu"
    out: Path = Path("out/where_to_prune")
    smoke: bool = False
    """Two seeds, two densities, few epochs."""


def smoke(config: Config) -> Config:
    """Return the settings of a run of seconds."""
    small = {"seeds": 2, "densities": (0.02, 0.005), "epochs": 4, "random_masks": 1, "rounds": 2}
    return replace(config, **small)


def compute(config: Config) -> pd.DataFrame:
    """Return one row per density, network and arm (allocation and selection)."""
    _check(config)
    data = _load(config.data, config.limit)
    few = config.data == "digits"
    config = replace(
        config,
        densities=config.densities or statistics.published_densities(data.name, _network(config)),
        epochs=config.epochs or (60 if few else 15),
        batch_size=config.batch_size or (32 if few else 128),
    )
    options = {"hidden": config.hidden} if config.model == "mlp" else {}
    fresh = [
        build_model(config.model, data.image_shape, data.classes, seed=seed, **options)
        for seed in range(config.seeds)
    ]
    settings = {name: getattr(config, name) for name in (
        "data", "model", "hidden", "epochs", "batch_size", "learning_rate", "limit",
        "random_masks", "scan", "objectives", "rounds", "device",
    )}  # fmt: skip
    home = config.out / "tasks" / fingerprint(settings)
    dense = train(
        fresh, data, _recipe(**settings), device=config.device, checkpoint=home / "dense",
        progress=config.progress,
    )  # fmt: skip
    accuracy = evaluate(dense, data.test, device=config.device).accuracy
    tasks = [
        {"density": density, "seed": seed, **settings}
        for density in config.densities
        for seed in range(config.seeds)
    ]
    with config.workers.active():
        frame = run_tasks(
            tasks,
            _cell,
            home,
            extra=lambda task: {"network": dense.model(task["seed"])},
            cost=lambda task: 1.0 + 200 * task["density"],
            progress=config.progress,
            label="cells",
        )
    return frame.assign(dense_accuracy=accuracy[frame["seed"]], data=data.name)


def _check(config: Config) -> None:
    wrong = [density for density in config.densities or () if not 0 < density <= 1]
    if wrong or config.densities == ():
        raise ArgumentError(f"densities must be fractions above 0 and at most 1, got {wrong}")
    if config.seeds < 2:
        raise ArgumentError(f"seeds is {config.seeds}; intervals need 2 networks or more")


@lru_cache(maxsize=1)
def _load(source: str, limit: int | None) -> DataSet:
    return load_data(source, limit=limit, rng=0)


def _recipe(epochs: int, batch_size: int, learning_rate: float, **_: Any) -> Recipe:
    return Recipe(epochs=epochs, batch_size=batch_size, lr=learning_rate)


@dataclass(frozen=True)
class Arm:
    """How the layers' counts are chosen, how the weights, and the masks that result."""

    allocation: str
    selection: str
    masks: regions.Masks


def _cell(
    density: float, seed: int, *, network: torch.nn.Module, data: str, limit: int | None, **settings
) -> pd.DataFrame:
    """Prune one network at one density by every arm, fine-tune all of them, and measure."""
    images = _load(data, limit)
    skip = [name for name in regions.Masks.from_model(network, images.image_shape)
            if name.startswith("conv")]  # fmt: skip
    problem = {"skip": skip, "input_shape": images.image_shape}
    arms = [(arm, network) for arm in _arms(network, density, seed, problem, settings)]
    arms += _in_rounds(network, images, density, seed, problem, settings)
    order, distinct = _distinct([arm.masks for arm, _ in arms], [model for _, model in arms])
    starts, masks = zip(*distinct, strict=True)
    recipe, device = _recipe(**settings), settings["device"]
    tuned = train(starts, images, recipe, masks=masks, seeds=[seed] * len(masks), device=device)
    test = evaluate(tuned, images.test, device=device).accuracy
    structure = [_structure(network, mask, skip) for mask in masks]
    rows = []
    for (arm, _), place in zip(arms, order, strict=True):
        row = {"allocation": arm.allocation, "selection": arm.selection, "accuracy": test[place]}
        rows.append({**row, "validation": _last(tuned, place), **structure[place]})
    return pd.DataFrame(rows)


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
    network: Any, density: float, seed: int, problem: dict, settings: dict[str, Any]
) -> Iterator[Arm]:
    shape = problem["input_shape"]
    for name, allocation in _allocations(network, density, problem, settings):
        for selection in ("plain", "repair"):
            yield from _pruned(name, selection, network, allocation, shape)
    disjoint = regions.allocate(network, density, "disjoint", **problem)
    together = {"scope": "global", "input_shape": shape}
    for selection in ("plain", "repair", "disjoint"):
        yield from _pruned("disjoint", selection, network, disjoint, shape)
    for name in ("uniform", "erk"):
        allocation = regions.allocate(network, density, name, **problem)
        yield from _pruned(name, "disjoint", network, allocation, shape)
    yield Arm("synflow", "plain", regions.prune(network, disjoint, "synflow", **together))
    uniform = regions.allocate(network, density, "uniform", **problem)
    for draw in range(settings["random_masks"]):
        masks = regions.prune(network, uniform, "random", input_shape=shape, rng=[seed, draw])
        yield Arm("uniform", f"random {draw}", masks)


def _allocations(
    network: Any, density: float, problem: dict, settings: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield the layer counts of every rule, objective and point of the scan."""
    objectives = OBJECTIVES if settings["objectives"] else ()
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
    for power in SCAN if settings["scan"] else ():
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


def _in_rounds(
    network: Any, images: DataSet, density: float, seed: int, problem: dict, settings: dict
) -> list[tuple[Arm, Any]]:
    """Return arms that reach the density in several rounds, and the networks they start from."""
    found: list[tuple[Arm, Any]] = []
    shape, rounds = problem["input_shape"], settings["rounds"]
    ways = (("erk", "magnitude", True), ("disjoint", "disjoint", False))
    for name, criterion, repair in ways if rounds > 1 else ():
        model, masks = network, None
        for number in range(1, rounds + 1):
            part = density ** (number / rounds)
            budget = regions.allocate(model, part, name, **problem)
            masks = regions.prune(model, budget, criterion, repair, input_shape=shape)
            if number < rounds:
                recipe = replace(_recipe(**settings), epochs=max(1, settings["epochs"] // 3))
                again = train([model], images, recipe, masks=[masks], seeds=[seed + 1000 * number])
                model = again.model(0)
        selection = "repair in rounds" if repair else "disjoint in rounds"
        found.append((Arm(name, selection, masks), model))
    return found


def _structure(network: Any, masks: regions.Masks, skip: list[str]) -> dict[str, Any]:
    """Return what the masks alone say about the pruned layers."""
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
            for kind in ("rank", "rows", "live", "effective")
        },
    }


def main() -> None:
    """Train, prune, fine-tune, print the tables, and save figures, numbers and provenance."""
    config, run = start(Config, __doc__)
    config = smoke(config) if config.smoke else config
    frame = compute(config)
    tables = statistics.tables(frame, _network(config))
    for name, table in tables.items():
        save_table(table, config.out / f"{name}.csv", run)
        print("", name.replace("_", " "), sep="\n")
        print(table.to_string(index=False, float_format="{:.4g}".format))
    for name, figure in figures.draw_all(frame, tables).items():
        written = save_figure(figure, config.out / name, tables.get(name, frame), run)
        print(f"figure: {written['png']}")


def _network(config: Config) -> str:
    """Return the paper's name of the network, such as 2x100."""
    hidden = config.hidden
    if config.model == "lenet5":
        return "LeNet"
    return f"{len(hidden)}x{hidden[0]}" if len(set(hidden)) == 1 else "-".join(map(str, hidden))


if __name__ == "__main__":
    run_script(main)
