"""Soft thresholding: the proximal step of an L1 penalty on weights, plain or degree-weighted."""

from __future__ import annotations

from torch import Tensor

from regions.training.recipe import Recipe
from regions.training.stack import Stack

# Entries below this count as absent when degrees are taken.
ABSENT = 1e-4


def shrink(stack: Stack, recipe: Recipe, rate: float) -> None:
    """Move every weight (not biases, not normalisation) towards zero by the penalty's share.

    The threshold of one step is lr l1 / (1 - momentum), times the row's degree weight if the
    recipe says so. With momentum a constant gradient g moves the weights by lr g / (1 - momentum)
    per step, so the steps come to rest exactly where loss + l1 R does, R = sum |w| or
    R = sum_i (1 / max(c_i, 1 / d)) sum_j |w_ij|.
    """
    threshold = rate * recipe.l1 / (1 - recipe.momentum)
    for name, values in stack.parameters.items():
        if name.endswith("weight") and values.ndim > 2:
            rows = values.flatten(2)
            limit = threshold * degree_weights(rows) if recipe.degree_weighted else threshold
            # weight and threshold of equal size give exactly zero
            rows.copy_(rows.sign() * (rows.abs() - limit).clamp_(min=0))


def degree_weights(rows: Tensor) -> Tensor:
    """Return 1 / max(c_i, 1 / d) for rows of d entries, shape (..., rows, 1).

    c_i = 1 - n_i / d is the row's fractional connectivity, n_i the number of its entries below
    1e-4 in size: units with few weights are pushed harder, so that degrees grow uneven. The
    weights are constants of the step. This is our reading of NeuroPrune (arXiv 2404.01306), whose
    equation was not at hand.

    Examples
    --------
    >>> import torch
    >>> degree_weights(torch.tensor([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])).tolist()
    [[2.0], [4.0]]
    """
    size = rows.shape[-1]
    present = (rows.abs() >= ABSENT).sum(-1, keepdim=True).to(rows.dtype)
    return size / present.clamp(min=1)
