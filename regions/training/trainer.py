"""Train many networks at once as one stack: many seeds, many masks, one set of operations."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from regions.errors import ArgumentError
from regions.progress import track
from regions.training.chain import chain_layers
from regions.training.compaction import used_units
from regions.training.datasets import DataSet
from regions.training.descent import descend
from regions.training.job import Job, make_images
from regions.training.recipe import Recipe
from regions.training.result import TrainResult, make_result
from regions.training.stack import stack_masks, stack_models

# Perceptrons are stacked until their weights fill this many numbers: with gradients and
# velocities they then stay in a processor's cache.
_CACHED_WEIGHTS = 2**18
_MODULES_PER_STACK = 16
_ON_ACCELERATOR = 1024


def train(
    models: Sequence[nn.Module],
    data: DataSet,
    recipe: Recipe | None = None,
    *,
    masks: Sequence[Mapping | None] | Mapping | None = None,
    seeds: Sequence[int] | None = None,
    device: str = "cpu",
    stack_size: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> TrainResult:
    """Train networks of one architecture on `data.train` together; `models` stay as they are.

    Each network gets the same parameters, up to rounding, as if it were trained alone with
    `torch.optim.SGD` on the cross-entropy of the same mini-batches.

    Parameters
    ----------
    models
        Networks with equal parameter names and shapes, each holding its initial parameters.
    data
        From `load_data`. `data.test` is never read.
    recipe
        Epochs, batch size, learning rates; `Recipe()` by default.
    masks
        Layer name -> bool array of its weight's shape; one mapping for all models, or one (or
        None) for each. Weights outside a mask are set to zero and stay exactly zero.
    seeds
        Seed of each model's order of the images, default 0, 1, 2, ...; models with equal seeds
        see equal mini-batches.
    device
        For example "cuda"; the result is on the CPU.
    stack_size
        Models per stack; by default as many as are fast.
    checkpoint
        Folder for checkpoints: a killed run, started again with the same arguments, goes on where
        it was and gives the identical result.
    progress
        Show a bar on stderr.

    Raises
    ------
    ArgumentError
        If models differ in architecture, or masks or seeds do not fit them.
    DataError
        If a checkpoint is damaged or belongs to other arguments.

    Examples
    --------
    >>> from regions.training import Recipe, build_model, load_data, train
    >>> data = load_data("digits")
    >>> nets = [build_model("mlp", data.image_shape, data.classes, seed=s) for s in (0, 1)]
    >>> result = train(nets, data, Recipe(epochs=2))
    >>> len(result), bool(result.history["validation_accuracy"].min() > 0.8)
    (2, True)
    """
    recipe = Recipe() if recipe is None else recipe
    job = _job(models, data, recipe, masks, seeds, device)
    parts = []
    with track(show=progress, label="training", total=len(models) * recipe.epochs) as bar:
        for number, indices in enumerate(_groups(job, stack_size)):
            path = None if checkpoint is None else Path(checkpoint) / f"stack-{number:04d}.npz"
            state, parameters = descend(job.select(indices), path, bar)
            parts.append((indices, state, parameters))
    return make_result(job, parts)


def _job(
    models: Sequence[nn.Module],
    data: DataSet,
    recipe: Recipe,
    masks: Any,
    seeds: Sequence[int] | None,
    device: str,
) -> Job:
    if not models:
        raise ArgumentError("no models were given; expected at least one")
    if recipe.keep == "best" and len(data.validation) == 0:
        raise ArgumentError("keep='best' needs validation images; the data set has none")
    order = list(range(len(models))) if seeds is None else [int(seed) for seed in seeds]
    if len(order) != len(models) or min(order) < 0:
        raise ArgumentError(f"expected {len(models)} seeds >= 0, one per model; got {order}")
    parameters, buffers = stack_models(models)
    layers = chain_layers(models[0])
    dtype = next(iter(parameters.values())).dtype
    images = make_images(data, layers is not None, dtype, device)
    _check_fit(models[0], images.x[:2], data)
    return Job(
        template=models[0],
        layers=layers,
        parameters=parameters,
        buffers=buffers,
        masks=stack_masks(masks, parameters),
        seeds=tuple(order),
        images=images,
        recipe=recipe,
    )


def _check_fit(model: nn.Module, images: torch.Tensor, data: DataSet) -> None:
    """Refuse a model that cannot classify these images."""
    probe = copy.deepcopy(model).eval().to(images.device)
    try:
        with torch.no_grad():
            shape = tuple(probe(images).shape)
    except RuntimeError as error:
        raise ArgumentError(
            f"the model cannot take images of shape {data.image_shape}: {error}"
        ) from error
    if shape != (len(images), data.classes):
        raise ArgumentError(
            f"the model returns shape {shape} for {len(images)} images; expected "
            f"{(len(images), data.classes)}, one logit per class"
        )


def _groups(job: Job, stack_size: int | None) -> list[list[int]]:
    """Return the numbers of the models of each stack; pruned ones go with those of their size."""
    sizes = _sizes(job)
    order = sorted(range(len(sizes)), key=lambda index: -sizes[index])
    groups: list[list[int]] = []
    while order:
        count = stack_size or _stack_size(job, sizes[order[0]])
        groups.append(order[:count])
        order = order[count:]
    return groups


def _stack_size(job: Job, weights: int) -> int:
    if job.images.device.type != "cpu":
        return _ON_ACCELERATOR if job.layers else _MODULES_PER_STACK
    return max(_CACHED_WEIGHTS // max(weights, 1), 4) if job.layers else _MODULES_PER_STACK


def _sizes(job: Job) -> list[int]:
    """Return how many weights of each model its training will touch."""
    models = len(job.seeds)
    if job.layers is None or job.masks is None:
        return [sum(value[0].numel() for value in job.parameters.values())] * models
    counts = [used.sum(1) for used in used_units(job.layers, job.parameters, job.masks)]
    weights = torch.stack([a * b for a, b in itertools.pairwise(counts)])
    return weights.sum(0).tolist()
