"""How a network is trained: everything except the network, the data and the seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from regions.errors import ArgumentError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of stochastic gradient descent with (Nesterov) momentum.

    One step on the mini-batch gradient g, exactly as `torch.optim.SGD` takes it (dampening 0):
    g <- g + weight_decay w;  v <- momentum v + g;
    w <- w - lr (g + momentum v) with Nesterov momentum, w <- w - lr v without.

    Attributes
    ----------
    epochs, batch_size
        Passes over the training images; images per step (the last batch may be smaller).
    lr
        Learning rate of the first epoch.
    l1
        Strength of the penalty l1 sum |w| on the weights (not biases), by soft thresholding after
        every step, so that weights become exactly zero; see `regions.training.shrink`.
    degree_weighted
        Weight each unit's share of that penalty by the inverse of its fraction of incoming weights
        left (NeuroPrune, arXiv 2404.01306).
    schedule
        "constant"; "step": times `gamma` at each milestone; "cosine": falls to 0 by half a cosine.
    milestones
        Fractions of the epochs at which "step" acts.
    warmup
        So many epochs in which the rate rises: times 1 / (warmup + 1), 2 / (warmup + 1), ...
    label_smoothing
        The target is 1 - s + s / classes for the label and s / classes for the others.
    crop, flip
        Every time an image is seen it is moved by up to `crop` pixels up or down and left or right
        (zeros come in), and mirrored left to right every other time (He et al., arXiv 1512.03385,
        crop 4). Drawn from the network's seed and the epoch.
    keep
        "last" epoch's parameters, or those of the "best" one: highest accuracy on the validation
        images (the earliest such epoch). Test images are never looked at.

    Examples
    --------
    >>> Recipe(epochs=4, lr=0.2, schedule="cosine").rate(2)
    0.1
    """

    epochs: int = 20
    batch_size: int = 32
    lr: float = 0.05
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    l1: float = 0.0
    degree_weighted: bool = False
    schedule: Literal["constant", "step", "cosine"] = "constant"
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1
    warmup: int = 0
    label_smoothing: float = 0.0
    crop: int = 0
    flip: bool = False
    keep: Literal["last", "best"] = "last"

    def __post_init__(self) -> None:
        _check("epochs", self.epochs, isinstance(self.epochs, int) and self.epochs >= 0, "0, 1, ..")
        whole = isinstance(self.batch_size, int) and self.batch_size > 0
        _check("batch_size", self.batch_size, whole, "1, 2, ..")
        _check("lr", self.lr, 0 < self.lr < math.inf, "a positive number")
        _check("momentum", self.momentum, 0 <= self.momentum < 1, "a number in [0, 1)")
        decays = 0 <= self.weight_decay < math.inf
        _check("weight_decay", self.weight_decay, decays, "a number >= 0")
        _check("l1", self.l1, 0 <= self.l1 < math.inf, "a number >= 0")
        pulls = self.l1 > 0 or not self.degree_weighted
        _check("degree_weighted", self.degree_weighted, pulls, "l1 > 0 with it")
        known = self.schedule in ("constant", "step", "cosine")
        _check("schedule", self.schedule, known, "'constant', 'step' or 'cosine'")
        inside = all(0 <= milestone <= 1 for milestone in self.milestones)
        _check("milestones", self.milestones, inside, "fractions of the epochs, in [0, 1]")
        _check("gamma", self.gamma, 0 < self.gamma <= 1, "a number in (0, 1]")
        _check("warmup", self.warmup, isinstance(self.warmup, int) and self.warmup >= 0, "0, 1, ..")
        smooth = 0 <= self.label_smoothing < 1
        _check("label_smoothing", self.label_smoothing, smooth, "a number in [0, 1)")
        _check("crop", self.crop, isinstance(self.crop, int) and self.crop >= 0, "0, 1, .. pixels")
        _check("flip", self.flip, isinstance(self.flip, bool), "True or False")
        _check("keep", self.keep, self.keep in ("last", "best"), "'last' or 'best'")

    @property
    def moves_images(self) -> bool:
        """Whether images are moved or mirrored."""
        return self.crop > 0 or self.flip

    def rate(self, epoch: int) -> float:
        """Return the learning rate of epoch 0, 1, ..."""
        return self._scheduled(epoch) * min(1.0, (epoch + 1) / (self.warmup + 1))

    def _scheduled(self, epoch: int) -> float:
        if self.schedule == "step":
            passed = sum(epoch >= fraction * self.epochs for fraction in self.milestones)
            return self.lr * self.gamma**passed
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        return self.lr


def _check(name: str, value: object, valid: bool, expected: str) -> None:
    if not valid:
        raise ArgumentError(f"recipe: {name} is {value!r}; expected {expected}")
