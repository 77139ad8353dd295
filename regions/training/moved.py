"""Training images moved by some pixels, and mirrored: other ones in every epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from regions.training.recipe import Recipe


def draw_moves(recipe: Recipe, seeds: Sequence[int], epoch: int, count: int) -> Tensor:
    """Return (models, count, 3): rows down, columns right, and whether mirrored.

    Row i is for the i-th image that a model sees in this epoch. Models of one seed share them.

    Examples
    --------
    >>> moves = draw_moves(Recipe(crop=2), [0, 0], epoch=3, count=5)
    >>> tuple(moves.shape), int(moves[..., :2].abs().max()) <= 2, bool(moves[..., 2].any())
    ((2, 5, 3), True, False)
    """
    drawn = {}
    for seed in set(seeds):
        rng = np.random.default_rng([seed, epoch, 1])
        steps = rng.integers(-recipe.crop, recipe.crop + 1, size=(count, 2))
        mirrored = rng.random(count) < (0.5 if recipe.flip else 0.0)
        drawn[seed] = np.column_stack([steps, mirrored])
    return torch.from_numpy(np.stack([drawn[seed] for seed in seeds]))


def move(images: Tensor, moves: Tensor, crop: int) -> Tensor:
    """Return images (models, batch, channels, height, width), each mirrored, then moved."""
    height, width = images.shape[-2:]
    down, right, mirrored = (part.unsqueeze(-1) for part in moves.unbind(-1))
    rows = torch.arange(height, device=images.device) + crop - down
    columns = torch.arange(width, device=images.device) - right
    columns = torch.where(mirrored.bool(), width - 1 - columns, columns) + crop
    padded = F.pad(images, (crop,) * 4)
    models, batch = (torch.arange(n, device=images.device) for n in images.shape[:2])
    found = padded[
        models[:, None, None, None], batch[:, None, None], :, rows.unsqueeze(-1),
        columns.unsqueeze(-2),
    ]  # fmt: skip
    return found.movedim(-1, 2)
