"""Random numbers from one argument, without touching any global state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arguments import is_whole
from regions.errors import ArgumentError

if TYPE_CHECKING:
    import torch

Rng = int | np.random.Generator | None


def check_rng(rng: Any) -> None:
    """Raise an ArgumentError unless `rng` means a generator."""
    if not (rng is None or isinstance(rng, np.random.Generator) or (is_whole(rng) and rng >= 0)):
        raise ArgumentError(
            f"rng is {rng!r}; expected a whole number of at least 0, a numpy Generator, or None"
        )


def generator_of(rng: Any) -> np.random.Generator:
    """Return the generator that `rng` means; ArgumentError if it means none."""
    check_rng(rng)
    return np.random.default_rng(rng)


def torch_generator(rng: Rng) -> torch.Generator:
    """Return a private torch generator seeded from `rng`."""
    import torch

    return torch.Generator().manual_seed(int(generator_of(rng).integers(2**62)))
