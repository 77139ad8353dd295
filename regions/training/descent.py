"""Stochastic gradient descent on one stack, epoch by epoch, with checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regions.training.checkpoint import read_checkpoint, write_checkpoint
from regions.training.functional import ModuleEngine, module_engine
from regions.training.job import Job
from regions.training.moved import draw_moves, move
from regions.training.perceptron import PerceptronEngine
from regions.training.recipe import Recipe
from regions.training.shrink import shrink
from regions.training.sparse import SPARSE_BELOW, SparseEngine, kept_shares, sparse_engine
from regions.training.stack import Stack, Tensors, make_stack
from regions.training.state import State, fresh_state

Engine = PerceptronEngine | ModuleEngine | SparseEngine

_SECONDS_BETWEEN_CHECKPOINTS = 5.0
_VALIDATION_BATCH = 512


def descend(job: Job, checkpoint: Path | None, bar: Any) -> tuple[State, Tensors]:
    """Train the stack of `job`, going on from `checkpoint` if that file exists.

    Returns the final state and the parameters to keep, in their full shapes on the CPU.
    """
    engine = _engine(job)
    state = fresh_state(_stack(job, engine), job.recipe)
    fingerprint = "" if checkpoint is None else job.fingerprint()
    saved = None if checkpoint is None else read_checkpoint(checkpoint, fingerprint)
    if saved is not None:
        state.restore(saved)
    bar.update(int(state.epoch) * state.stack.size)
    written = time.monotonic()
    while state.epoch < job.recipe.epochs:
        _epoch(job, engine, state)
        bar.update(state.stack.size)
        due = time.monotonic() - written > _SECONDS_BETWEEN_CHECKPOINTS
        if checkpoint is not None and (due or state.epoch == job.recipe.epochs):
            write_checkpoint(checkpoint, state.arrays(), fingerprint)
            written = time.monotonic()
    kept = {name: value.cpu() for name, value in state.kept.parameters.items()}
    return state, engine.expand(kept) if isinstance(engine, SparseEngine) else kept


def _engine(job: Job) -> Engine:
    if job.layers is None:
        return module_engine(job.template, job.images.x.shape[1:], job.images.device)
    if job.masks is not None and is_sparse(job).all():
        return sparse_engine(job.layers, job.parameters, job.masks)
    return PerceptronEngine(job.layers)


def is_sparse(job: Job) -> Tensor:
    """Return for each model whether it trains faster by its kept weights alone."""
    recipe = job.recipe
    plain = not (recipe.l1 or recipe.label_smoothing or recipe.moves_images)
    possible = job.layers is not None and job.images.device.type == "cpu" and plain
    return possible & (kept_shares(job.parameters, job.masks) < SPARSE_BELOW)


def _stack(job: Job, engine: Engine) -> Stack:
    if isinstance(engine, SparseEngine):
        return make_stack(engine.shrink(job.parameters), {}, {})
    device = job.images.device
    groups = (job.parameters, job.buffers, job.masks or {})
    return make_stack(*({k: v.to(device, copy=True) for k, v in each.items()} for each in groups))


def _epoch(job: Job, engine: Engine, state: State) -> None:
    """Take one pass over the training images, then look at the validation images."""
    epoch = int(state.epoch)
    order, rate = _order(job, epoch), job.recipe.rate(epoch)
    if isinstance(engine, SparseEngine):
        images = job.images.x, job.images.y
        total = engine.epoch(state.stack, state.velocity, images, order, job.recipe, rate)
    else:
        total = _batches(job, engine, state, order, rate)
    accuracies = _validation_accuracy(job, state.stack, engine)
    state.finish_epoch(total / order.shape[1], accuracies, job.recipe)


def _batches(
    job: Job, engine: PerceptronEngine | ModuleEngine, state: State, order: Tensor, rate: float
) -> Tensor:
    """Take the steps of one epoch with all models at once; return their summed losses."""
    stack, device = state.stack, job.images.device
    gradients = torch.zeros_like(stack.values)
    views = stack.views(gradients)
    total = torch.zeros(stack.size, dtype=torch.float64, device=device)
    labels, recipe, shape = job.images.y[order], job.recipe, job.images.shape
    moves = None
    if recipe.moves_images:
        moves = draw_moves(recipe, job.seeds, int(state.epoch), order.shape[1]).to(device)
    with _noise(job, engine, int(state.epoch)):
        for start in range(0, order.shape[1], recipe.batch_size):
            batch = slice(start, start + recipe.batch_size)
            x, y = engine.gather(job.images.x, order[:, batch]), labels[:, batch]
            if moves is not None:
                seen = move(x.view(*x.shape[:2], *shape), moves[:, batch], recipe.crop)
                x = seen.reshape(x.shape)
            given = stack.parameters, views, stack.buffers, x, y, recipe.label_smoothing
            total += engine.step(*given) * y.shape[1]
            _move(state, gradients, recipe, rate)
            if recipe.l1:
                shrink(stack, recipe, rate)
    if stack.keep is not None:  # gradients that are NaN come through the mask's product
        stack.values.masked_fill_(stack.keep == 0, 0.0)
    return total


@contextmanager
def _noise(job: Job, engine: Engine, epoch: int) -> Iterator[None]:
    """Draw dropout and other noise inside the models from their seeds and the epoch."""
    if not isinstance(engine, ModuleEngine):
        yield
        return
    device = job.images.device
    seed = int(np.random.SeedSequence([*job.seeds, epoch]).generate_state(1)[0])
    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _order(job: Job, epoch: int) -> Tensor:
    """Return each model's order of the images: a function of its seed and the epoch alone."""
    count = len(job.images.y)
    orders = {
        seed: np.random.default_rng([seed, epoch]).permutation(count) for seed in set(job.seeds)
    }
    rows = torch.from_numpy(np.stack([orders[seed] for seed in job.seeds]))
    return rows.to(job.images.device)


def _move(state: State, g: Tensor, recipe: Recipe, rate: float) -> None:
    """Take the step that `torch.optim.SGD` takes; `g` is overwritten."""
    w, v, momentum, decay = state.stack.values, state.velocity, recipe.momentum, recipe.weight_decay
    if state.stack.keep is not None:
        g.mul_(state.stack.keep)
    if decay:
        g.add_(w, alpha=decay)
    torch.add(g, v, alpha=momentum, out=v)
    if recipe.nesterov:
        w.add_(g, alpha=-rate)
        w.add_(v, alpha=-rate * momentum)
    else:
        w.add_(v, alpha=-rate)


def _validation_accuracy(job: Job, stack: Stack, engine: Engine) -> Tensor:
    """Return the fraction of validation images each model gets right, NaN without images."""
    images, labels = job.images.validation_x, job.images.validation_y
    right = torch.zeros(stack.size, dtype=torch.float64, device=labels.device)
    if len(labels) == 0:
        return right.fill_(torch.nan)
    for x, y in zip(images.split(_VALIDATION_BATCH), labels.split(_VALIDATION_BATCH), strict=True):
        shared = engine.share(x, stack.size)
        right += (engine.logits(stack.parameters, stack.buffers, shared).argmax(2) == y).sum(1)
    return right / len(labels)
