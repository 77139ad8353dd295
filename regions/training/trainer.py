"""Train many networks at once as one stack: many seeds, many masks, one set of operations."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from joblib import Parallel, delayed
from torch import nn

from regions.errors import ArgumentError
from regions.progress import track
from regions.results import check_writable
from regions.training.datasets import DataSet
from regions.training.descent import descend, is_sparse
from regions.training.job import Job, make_images
from regions.training.perceptron import linear_modules
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
    n_jobs: int | None = None,
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
    n_jobs
        Stacks of perceptrons trained at the same time, each on a thread (joblib); -1 for all
        cores. Very sparse perceptrons use one core per thread; for others PyTorch's own threads
        (`torch.set_num_threads`) do as well.
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
    OutputError
        If the folder for checkpoints cannot be written to, before anything is trained.

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
    groups = _groups(job, stack_size)
    paths = [
        None if checkpoint is None else Path(checkpoint) / f"stack-{n:04d}.npz"
        for n in range(len(groups))
    ]
    if checkpoint is not None and not all(path.exists() for path in paths if path is not None):
        check_writable(checkpoint, folder=True)
    # other modules draw noise from torch's one random state and stay on one thread
    workers = 1 if job.layers is None else n_jobs
    with track(show=progress, label="training", total=len(models) * recipe.epochs) as bar:
        work = (
            delayed(descend)(job.select(indices), path, bar)
            for indices, path in zip(groups, paths, strict=True)
        )
        ended = cast(list, Parallel(n_jobs=workers, require="sharedmem")(work))
    return make_result(job, [(indices, *end) for indices, end in zip(groups, ended, strict=True)])


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
    if recipe.moves_images and len(data.image_shape) != 3:
        raise ArgumentError(
            f"crop and flip move images of shape (channels, height, width); those of {data.name} "
            f"have shape {data.image_shape}"
        )
    order = list(range(len(models))) if seeds is None else [int(seed) for seed in seeds]
    if len(order) != len(models) or min(order) < 0:
        raise ArgumentError(f"expected {len(models)} seeds >= 0, one per model; got {order}")
    parameters, buffers = stack_models(models)
    layers = linear_modules(models[0])
    dtype = next(iter(parameters.values())).dtype
    images = make_images(data, layers is not None, dtype, device)
    check_fit(models[0], data, device)
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


def check_fit(model: nn.Module, data: DataSet, device: str = "cpu") -> None:
    """Refuse a model that cannot classify the images of `data`.

    Raises
    ------
    ArgumentError
        If the model cannot take such images, or does not return one logit per class.
    """
    probe = copy.deepcopy(model).eval().to(device)
    images = torch.from_numpy(data.train.inputs[:2]).to(next(probe.parameters()))
    try:
        with torch.no_grad():
            shape = tuple(probe(images).shape)
    except RuntimeError as error:
        raise ArgumentError(
            f"the model does not match {data.name}: it cannot take images of shape "
            f"{data.image_shape}: {error}"
        ) from error
    if shape != (len(images), data.classes):
        raise ArgumentError(
            f"the model does not match {data.name}: it returns shape {shape} for {len(images)} "
            f"images; expected {(len(images), data.classes)}, one logit per class"
        )


def _groups(job: Job, stack_size: int | None) -> list[list[int]]:
    """Return the numbers of the models of each stack; very sparse ones are kept together."""
    sparse = is_sparse(job).tolist()
    groups = []
    for kind in (False, True):
        numbers = [index for index, flag in enumerate(sparse) if flag == kind]
        size = stack_size or _stack_size(job, kind)
        groups += [numbers[start : start + size] for start in range(0, len(numbers), size)]
    return groups


def _stack_size(job: Job, sparse: bool) -> int:
    if job.layers is None or sparse:
        return _MODULES_PER_STACK
    if job.images.device.type != "cpu":
        return _ON_ACCELERATOR
    weights = sum(value[0].numel() for value in job.parameters.values())
    return max(_CACHED_WEIGHTS // weights, 4)
