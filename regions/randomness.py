"""Random numbers from one argument, without touching any global state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Rng = int | np.random.Generator | None


def torch_generator(rng: Rng) -> torch.Generator:
    """Return a private torch generator seeded from `rng`."""
    import torch

    seed = int(np.random.default_rng(rng).integers(2**62))
    return torch.Generator().manual_seed(seed)
