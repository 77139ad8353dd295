"""Training many networks as one stack beside training them one after another.

    python -m analyses.benchmarks.training

The other side is the loop that everybody writes: `torch.optim.SGD`, autograd, mini-batches taken
from a tensor in memory, one model after another. Same initial parameters, same mini-batches, same
process, both sides in turn; CPU and wall time; one thread, and for the demo's problem PyTorch's
default number of threads too (on a busy machine the loop then waits for its threads for minutes).
The loop does not look at the validation images, the stack does after every epoch.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry
from regions.progress import track
from regions.training import DataSet, Recipe, build_model, load_data, train

ENTRY = Entry(figure="many networks as one stack, and one by one", minutes=None, inputs="digits")

FLOOR = 4.0  # times faster, 10 seeds of the demo's perceptron


@dataclass(frozen=True)
class Case:
    """One problem: which networks, in which batches, how densely masked."""

    name: str
    batch_size: int = 32
    hidden: tuple[int, ...] = (100, 100)
    model: str = "mlp"
    density: float = 1.0
    epochs: int = 4


CASES = (
    Case("demo: 64-100-100-10, batch 32"),
    *(Case(f"64-100-100-10, batch {size}", size) for size in (16, 64, 128)),
    Case("64-300-100-10, batch 32", hidden=(300, 100)),
    Case("64-100-100-10, batch 32, density .05", density=0.05),
    Case("64-100-100-10, batch 32, density .01", density=0.01),
    Case("small ConvNet, batch 32", model="convnet", epochs=1),
)


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    models: int = 10
    """Networks per stack."""
    repeats: int = 5
    """Runs per side; the median ratio of neighbouring runs counts."""
    out: Path = Path("out/benchmarks/training")
    smoke: bool = False
    """Only the first case, one epoch, once."""


def plain_loop(
    models: list[nn.Module], masks: list[dict[str, Tensor]], data: DataSet, recipe: Recipe
) -> list[nn.Module]:
    """Train models one after another; return them."""
    dtype = next(models[0].parameters()).dtype
    x = torch.from_numpy(data.train.inputs).to(dtype)
    y = torch.from_numpy(data.train.labels)
    trained = [copy.deepcopy(model).train() for model in models]
    for seed, (model, mask) in enumerate(zip(trained, masks, strict=True)):
        kept = [(dict(model.named_modules())[name].weight, keep) for name, keep in mask.items()]
        with torch.no_grad():
            for weight, keep in kept:
                weight.mul_(keep)
        optimiser = torch.optim.SGD(
            model.parameters(), lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov
        )
        for epoch in range(recipe.epochs):
            order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(y)))
            for rows in order.split(recipe.batch_size):
                optimiser.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()
                for weight, keep in kept:
                    assert weight.grad is not None
                    weight.grad.mul_(keep)
                optimiser.step()
    return trained


def problem(case: Case, config: Config, data: DataSet) -> tuple[list[nn.Module], list[dict]]:
    """Return the untrained networks and their random masks."""
    options = {"hidden": case.hidden} if case.model == "mlp" else {}
    models = [
        build_model(case.model, data.image_shape, data.classes, seed=seed, **options)
        for seed in range(config.models)
    ]
    if case.density == 1.0:
        return models, [{} for _ in models]
    rng = np.random.default_rng(0)
    hidden = [name for name, module in models[0].named_modules() if isinstance(module, nn.Linear)]
    shapes = {name: tuple(models[0].get_submodule(name).weight.shape) for name in hidden[:-1]}
    masks = [
        {name: torch.from_numpy(rng.random(shape) < case.density) for name, shape in shapes.items()}
        for _ in models
    ]
    return models, masks


def as_arrays(masks: list[dict[str, Tensor]]) -> list[dict[str, np.ndarray]]:
    """Return masks as NumPy arrays."""
    return [{name: mask.numpy() for name, mask in each.items()} for each in masks]


def timed(work: Callable) -> tuple[float, float]:
    """Return the CPU and the wall seconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def largest_difference(
    models: list[nn.Module], masks: list[dict], data: DataSet, recipe: Recipe
) -> float:
    """Train both ways in double precision; return the largest difference of any parameter."""
    models = [copy.deepcopy(model).double() for model in models]
    loop = plain_loop(models, masks, data, recipe)
    result = train(models, data, recipe, masks=as_arrays(masks))
    differences = [
        (result.state_dict(index)[name] - value).abs().max().item()
        for index, model in enumerate(loop)
        for name, value in model.named_parameters()
    ]
    return max(differences)


def measure(case: Case, config: Config, data: DataSet, threads: int) -> dict:
    """Return one row: both sides' times and the median ratios."""
    torch.set_num_threads(threads)
    models, masks = problem(case, config, data)
    recipe = Recipe(epochs=1 if config.smoke else case.epochs, batch_size=case.batch_size)
    sides = {
        "loop": lambda: plain_loop(models, masks, data, recipe),
        "stack": lambda: train(models, data, recipe, masks=as_arrays(masks)),
    }
    difference = largest_difference(models, masks, data, recipe)  # warms both up
    times = {name: [] for name in sides}
    for _ in range(1 if config.smoke else config.repeats):
        for name, work in sides.items():
            times[name].append(timed(work))
    loop, stack = np.array(times["loop"]), np.array(times["stack"])
    ratio = np.median(loop / stack, axis=0)
    per_epoch = 1000 / (config.models * recipe.epochs)
    return {
        "problem": case.name,
        "threads": threads,
        "loop_cpu_ms": np.median(loop[:, 0]) * per_epoch,
        "stack_cpu_ms": np.median(stack[:, 0]) * per_epoch,
        "ratio_cpu": ratio[0],
        "ratio_wall": ratio[1],
        "floor": FLOOR if case == CASES[0] else np.nan,
        "difference_float64": difference,
    }


def compute(config: Config) -> pd.DataFrame:
    """Return one row per problem and number of threads; times per model and epoch."""
    data, default = load_data("digits"), torch.get_num_threads()
    cases = CASES[:1] if config.smoke else CASES
    jobs = [(case, 1) for case in cases] + [(CASES[0], default)] * (default > 1)
    try:
        rows = [
            measure(case, config, data, threads)
            for case, threads in track(jobs, show=True, label="benchmark")
        ]
    finally:
        torch.set_num_threads(default)
    return pd.DataFrame(rows)


if __name__ == "__main__":
    report(Config, compute, "training", __doc__, digits=3)
