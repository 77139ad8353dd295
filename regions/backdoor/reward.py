"""What a removal is worth to a defender who has clean images and does not know the trigger."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from regions.backdoor.gated import GatedNetwork
from regions.errors import ArgumentError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, eq=False)
class Reward:
    """Clean accuracy, minus the success of a trigger that was found on clean images.

    ``accuracy - weight * success``. The paper's reward is not known; this one is ours. Clean
    accuracy alone says nothing about the trigger, since a backdoored network is accurate, so the
    second term asks for the removal of whatever lets one small patch turn every image into the
    suspected class. The patch comes from `invert_triggers` (the idea of Neural Cleanse), once, on
    the network before removal.

    Attributes
    ----------
    network : GatedNetwork
    inputs, labels : array
        Clean images.
    stamped : array, optional
        Clean images of other classes with the trigger that was found; without them the reward is
        the clean accuracy alone.
    target : int
        The suspected class.
    weight : float
        What success counts, relative to accuracy.

    Examples
    --------
    >>> from regions.backdoor import GatedNetwork
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> images = np.eye(4, dtype=np.float32)
    >>> labels = network.classes(network.begin(images), np.zeros(3, dtype=bool))
    >>> reward = Reward(network=network, inputs=images, labels=labels)
    >>> reward(np.zeros(3, dtype=bool))
    1.0
    """

    network: GatedNetwork
    inputs: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    stamped: np.ndarray | None = field(default=None, repr=False)
    target: int = 0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels) or len(self.labels) == 0:
            raise ArgumentError(
                f"expected one label per clean image, got {len(self.labels)} labels for "
                f"{len(self.inputs)} images"
            )
        if not 0 <= self.weight < np.inf:
            raise ArgumentError(f"weight is {self.weight}; expected a number >= 0")

    @cached_property
    def _clean(self) -> torch.Tensor:
        return self.network.begin(self.inputs)

    @cached_property
    def _stamped(self) -> torch.Tensor | None:
        return None if self.stamped is None else self.network.begin(self.stamped)

    def accuracy(self, removed: np.ndarray) -> float:
        """Return the clean accuracy without the units marked in `removed`."""
        return float((self.network.classes(self._clean, removed) == self.labels).mean())

    def success(self, removed: np.ndarray) -> float:
        """Return the share of stamped images that end in the suspected class."""
        if self._stamped is None:
            return 0.0
        return float((self.network.classes(self._stamped, removed) == self.target).mean())

    def __call__(self, removed: np.ndarray) -> float:
        """Return the reward of removing the units marked in `removed`."""
        return self.accuracy(removed) - self.weight * self.success(removed)
