"""Looks for the smallest patch that turns every image into one class: the trigger, if any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.backdoor.gated import GatedNetwork
from regions.errors import ArgumentError
from regions.randomness import Rng
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from torch import Tensor


_BATCH, _RATE = 32, 0.1  # images per class and step; learning rate of Adam
_COST, _ENOUGH = 0.01, 0.95  # of the mask's size at the start; success that is asked for


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class InvertedTriggers(Result):
    """One patch for each class.

    Attributes
    ----------
    masks : array (classes, height, width)
        How much of each pixel the patch replaces, in [0, 1].
    patterns : array (classes, channels, height, width)
        What it is replaced by.
    success : array (classes,)
        Share of the images of other classes that the patch turns into the class.

    Examples
    --------
    >>> import numpy as np
    >>> masks = np.zeros((3, 2, 2))
    >>> masks[:2] = 1.0
    >>> masks[2, 0, 0] = 0.5
    >>> found = InvertedTriggers(masks=masks, patterns=np.ones((3, 1, 2, 2)), success=np.ones(3))
    >>> found.norms.tolist(), found.suspect
    ([4.0, 4.0, 0.5], 2)
    """

    masks: np.ndarray = field(repr=False)
    patterns: np.ndarray = field(repr=False)
    success: np.ndarray

    @property
    def norms(self) -> np.ndarray:
        """Size of each mask: the sum of its entries, in pixels."""
        return self.masks.sum(axis=(1, 2))

    @property
    def anomaly(self) -> np.ndarray:
        """How far each size lies below the median, in units of 1.4826 median deviations."""
        below = np.median(self.norms) - self.norms
        deviation = 1.4826 * np.median(np.abs(below))
        return below / deviation if deviation > 0 else np.zeros(len(below))

    @property
    def suspect(self) -> int:
        """The class of the smallest mask."""
        return int(self.norms.argmin())

    def stamp(self, images: np.ndarray, target: int) -> np.ndarray:
        """Return `images` with the patch of class `target` blended in."""
        mask = self.masks[target]
        return ((1 - mask) * images + mask * self.patterns[target]).astype(images.dtype)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per class: `target`, `norm`, `anomaly`, `success`."""
        import pandas as pd

        columns = {"norm": self.norms, "anomaly": self.anomaly, "success": self.success}
        return pd.DataFrame({"target": np.arange(len(self.norms)), **columns})

    def to_dict(self) -> dict[str, Any]:
        """Return sizes and success (not the patches) as JSON-ready objects."""
        return jsonable({**self.to_frame().to_dict(orient="list"), "suspect": self.suspect})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mask of the suspected class: how much of each pixel its patch replaces."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        image = ax.imshow(self.masks[self.suspect], vmin=0, vmax=1, cmap="viridis")
        ax.figure.colorbar(image, ax=ax, label=f"mask of class {self.suspect}")
        ax.set(xticks=[], yticks=[])
        return ax

    def summary(self) -> str:
        """Return the suspected class in a sentence."""
        at = self.suspect
        return (
            f"Class {at} has the smallest patch: {self.norms[at]:.3g} pixels (median "
            f"{np.median(self.norms):.3g}, anomaly {self.anomaly[at]:.2f}), success "
            f"{self.success[at]:.3f}."
        )


def invert_triggers(
    network: GatedNetwork,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int = 200,
    rng: Rng = None,
) -> InvertedTriggers:
    """Return the smallest patch found for each class that turns other images into it.

    For class t, Adam minimises cross-entropy(f((1 - m) x + m p), t) + cost * |m|_1 over a mask m in
    [0, 1] and a pattern p within the range of the inputs, both sigmoids of free numbers. Every ten
    steps the cost grows by half where the success of those steps was .95 or more and shrinks by as
    much where it was not; kept is the smallest mask with that success (the last one if none had).

    The idea, the anomaly index and the changing cost are Neural Cleanse's (Wang et al. 2019,
    doi:10.1109/SP.2019.00031); schedule and settings, and running all classes in one batch, are
    ours. It needs clean images only. Small patches exist for clean networks too: the smallest mask
    is a suspicion, no proof.

    Parameters
    ----------
    network : GatedNetwork
    inputs, labels : array
        Clean images (count, channels, height, width) and their classes.
    steps : int
        Of 32 images per class each.

    Examples
    --------
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (1, 4, 4), 2, hidden=(3,)), (1, 4, 4))
    >>> images = np.zeros((6, 1, 4, 4), dtype=np.float32)
    >>> found = invert_triggers(network, images, np.array([0, 1] * 3), steps=10, rng=0)
    >>> len(found.success)
    2
    """
    if inputs.ndim != 4 or len(inputs) != len(labels) or len(inputs) == 0 or steps < 10:
        raise ArgumentError(
            f"expected images (count, channels, height, width), as many labels, and 10 steps or "
            f"more; got shape {inputs.shape}, {len(labels)} labels, {steps} steps"
        )
    search = _Search(network, inputs)
    rng = np.random.default_rng(rng)
    for step in range(1, steps + 1):
        chosen = rng.integers(len(inputs), size=_BATCH)
        search.step(search.images[chosen], labels[chosen])
        if step % 10 == 0:
            search.adapt()
    masks, patterns = search.best()
    found = InvertedTriggers(masks=masks, patterns=patterns, success=np.zeros(len(masks)))
    for target in range(len(masks)):
        begun = network.begin(found.stamp(inputs[labels != target], target))
        found.success[target] = (network.classes(begun) == target).mean()
    return found


class _Search:
    """Masks and patterns of all classes during the search."""

    def __init__(self, network: GatedNetwork, inputs: np.ndarray) -> None:
        import torch

        self.network = network
        self.images = torch.from_numpy(np.ascontiguousarray(inputs))
        self.classes = network.units.weights[[*network.units.weights][-1]].shape[0]
        channels, *sides = inputs.shape[1:]
        low, high = inputs.min(axis=(0, 2, 3)), inputs.max(axis=(0, 2, 3))
        self.low = torch.from_numpy(low).view(-1, 1, 1)
        self.range = torch.from_numpy(high - low).view(-1, 1, 1)
        # a faint mask over the whole image to start from: no place is preferred
        self.mask = torch.full((self.classes, 1, *sides), -2.0, requires_grad=True)
        self.pattern = torch.zeros((self.classes, channels, *sides), requires_grad=True)
        self.optimiser = torch.optim.Adam([self.mask, self.pattern], lr=_RATE, betas=(0.5, 0.9))
        self.cost = torch.full((self.classes,), _COST)
        self.hits: list[Tensor] = []
        self.kept: list[tuple[float, Tensor, Tensor] | None] = [None] * self.classes

    def patches(self) -> tuple[Tensor, Tensor]:
        return self.mask.sigmoid(), self.low + self.range * self.pattern.sigmoid()

    def step(self, images: Tensor, labels: np.ndarray) -> None:
        import torch
        from torch.nn import functional as F

        mask, pattern = self.patches()
        stamped = (1 - mask)[:, None] * images + (mask * pattern)[:, None]
        logits = self.network(stamped.flatten(0, 1))
        targets = torch.arange(self.classes).repeat_interleave(len(images))
        losses = F.cross_entropy(logits, targets, reduction="none").view(self.classes, -1).mean(1)
        self.optimiser.zero_grad()
        (losses + self.cost * mask.sum((1, 2, 3))).sum().backward()
        self.optimiser.step()
        hit = (logits.detach().argmax(1) == targets).view(self.classes, -1).float()
        others = (torch.from_numpy(labels) != torch.arange(self.classes)[:, None]).float()
        self.hits.append((hit * others).sum(1) / others.sum(1).clamp(min=1))

    def adapt(self) -> None:
        import torch

        success = torch.stack(self.hits).mean(0)
        self.hits = []
        mask, pattern = (value.detach() for value in self.patches())
        for target in range(self.classes):
            size, kept = float(mask[target].sum()), self.kept[target]
            if success[target] >= _ENOUGH and (kept is None or size < kept[0]):
                self.kept[target] = (size, mask[target, 0].clone(), pattern[target].clone())
        self.cost *= torch.where(success >= _ENOUGH, 1.5, 1 / 1.5)

    def best(self) -> tuple[np.ndarray, np.ndarray]:
        mask, pattern = (value.detach() for value in self.patches())
        chosen = [
            (mask[target, 0], pattern[target]) if kept is None else kept[1:]
            for target, kept in enumerate(self.kept)
        ]
        masks, patterns = zip(*chosen, strict=True)
        return np.stack(masks).astype(np.float64), np.stack(patterns).astype(np.float64)
