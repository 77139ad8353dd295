"""Stochastic gradient descent on one stack, epoch by epoch, with checkpoints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regions.training.chain import ChainEngine
from regions.training.checkpoint import read_checkpoint, write_checkpoint
from regions.training.compaction import Compaction, compact
from regions.training.functional import ModuleEngine, module_engine
from regions.training.job import Job
from regions.training.recipe import Recipe
from regions.training.stack import Stack, Tensors, make_stack
from regions.training.state import State, fresh_state

Engine = ChainEngine | ModuleEngine

_SECONDS_BETWEEN_CHECKPOINTS = 5.0
_VALIDATION_BATCH = 512


def descend(job: Job, checkpoint: Path | None, bar: Any) -> tuple[State, Tensors]:
    """Train the stack of `job`, going on from `checkpoint` if that file exists.

    Returns the final state and the parameters to keep, in their full shapes on the CPU.
    """
    compaction = None if job.layers is None else compact(job.layers, job.parameters, job.masks)
    state = fresh_state(_stack(job, compaction), job.recipe)
    engine = _engine(job, compaction)
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
    if compaction is not None:
        kept = compaction.expand(kept, job.masked_parameters(), state.kept_idle)
    return state, kept


def _stack(job: Job, compaction: Compaction | None) -> Stack:
    parameters, masks = job.parameters, job.masks or {}
    if compaction is not None:
        parameters, masks = compaction.shrink(parameters, masks)
    device = job.images.device
    groups = (parameters, job.buffers, masks)
    return make_stack(*({k: v.to(device, copy=True) for k, v in each.items()} for each in groups))


def _engine(job: Job, compaction: Compaction | None) -> Engine:
    if job.layers is None:
        return module_engine(job.template, job.images.x.shape[1:], job.images.device)
    columns = None if compaction is None else compaction.used[0].to(job.images.device)
    return ChainEngine(job.layers, columns)


def _epoch(job: Job, engine: Engine, state: State) -> None:
    """Take one pass over the training images, then look at the validation images."""
    stack, recipe, device = state.stack, job.recipe, job.images.device
    epoch = int(state.epoch)
    gradients = torch.zeros_like(stack.values)
    views = stack.views(gradients)
    total = torch.zeros(stack.size, dtype=torch.float64, device=device)
    order = _order(job, epoch)
    with torch.random.fork_rng(devices=_cuda(device)):
        torch.manual_seed(_noise_seed(job, epoch))
        for rows in order.split(recipe.batch_size, dim=1):
            x, y = engine.gather(job.images.x, rows), job.images.y[rows]
            loss = engine.step(stack.parameters, views, stack.buffers, x, y)
            total += loss * rows.shape[1]
            _move(state, gradients, recipe, recipe.rate(epoch))
    accuracies = _validation_accuracy(job, stack, engine)
    state.finish_epoch(total / order.shape[1], accuracies, recipe)


def _order(job: Job, epoch: int) -> Tensor:
    """Return each model's order of the images: a function of its seed and the epoch alone."""
    count = len(job.images.y)
    orders = {
        seed: np.random.default_rng([seed, epoch]).permutation(count) for seed in set(job.seeds)
    }
    rows = torch.from_numpy(np.stack([orders[seed] for seed in job.seeds]))
    return rows.to(job.images.device)


def _noise_seed(job: Job, epoch: int) -> int:
    """Return the seed of dropout and other noise inside the models."""
    return int(np.random.SeedSequence([*job.seeds, epoch]).generate_state(1)[0])


def _cuda(device: torch.device) -> list[int]:
    return [device.index or 0] if device.type == "cuda" else []


def _move(state: State, g: Tensor, recipe: Recipe, rate: float) -> None:
    """Take the step that `torch.optim.SGD` takes; `g` is overwritten."""
    w, v, momentum, decay = state.stack.values, state.velocity, recipe.momentum, recipe.weight_decay
    if state.stack.keep is not None:
        g.mul_(state.stack.keep)
    if decay:
        g.add_(w, alpha=decay)
        _move_idle(state.idle, recipe, rate)
    torch.add(g, v, alpha=momentum, out=v)
    if recipe.nesterov:
        w.add_(g, alpha=-rate)
        w.add_(v, alpha=-rate * momentum)
    else:
        w.add_(v, alpha=-rate)


def _move_idle(idle: Tensor, recipe: Recipe, rate: float) -> None:
    """Take the same step with a parameter whose gradient is zero."""
    value, velocity = idle.tolist()
    gradient = recipe.weight_decay * value
    velocity = gradient + recipe.momentum * velocity
    step = gradient + recipe.momentum * velocity if recipe.nesterov else velocity
    idle[0], idle[1] = value - rate * step, velocity


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
