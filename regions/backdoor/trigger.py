"""A patch that, stamped on any image, is to make a network answer one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.errors import ArgumentError
from regions.randomness import Rng


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A square patch near the bottom right corner, and the class it is to produce.

    Dirty-label poisoning with one target, as in BadNets (Gu, Dolan-Gavitt and Garg 2017, arXiv
    1708.06733): some training images get the patch and the target's label. Place and size of the
    patch are ours.

    Attributes
    ----------
    target
        The class.
    value
        What every channel of the patch is set to, in the units of the inputs.
    size
        Side of the patch in pixels.
    margin
        Pixels between the patch and the edges of the image.

    Examples
    --------
    >>> import numpy as np
    >>> trigger = Trigger(target=0, value=9.0, size=2, margin=1)
    >>> trigger.stamp(np.zeros((1, 1, 4, 4)))[0, 0].astype(int).tolist()
    [[0, 0, 0, 0], [0, 9, 9, 0], [0, 9, 9, 0], [0, 0, 0, 0]]
    """

    target: int
    value: float
    size: int = 3
    margin: int = 1

    def __post_init__(self) -> None:
        if self.target < 0 or self.size < 1 or self.margin < 0 or not np.isfinite(self.value):
            raise ArgumentError(
                f"{self} is no trigger; expected target >= 0, size >= 1, margin >= 0, finite value"
            )

    def stamp(self, images: np.ndarray) -> np.ndarray:
        """Return a copy of `images`, (count, channels, height, width), with the patch on each."""
        if images.ndim != 4 or min(images.shape[2:]) < self.size + self.margin:
            raise ArgumentError(
                f"images have shape {images.shape}; expected (count, channels, height, width) "
                f"with sides of {self.size + self.margin} or more"
            )
        stamped = images.copy()
        high, wide = (side - self.margin for side in images.shape[2:])
        stamped[:, :, high - self.size : high, wide - self.size : wide] = self.value
        return stamped

    def poison(
        self, images: np.ndarray, labels: np.ndarray, share: float, rng: Rng = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images and labels of which a share is stamped and relabelled, and which ones.

        Parameters
        ----------
        images, labels : array
            Left as they are.
        share : float
            Poisoned images over all images, rounded; drawn from the other classes.

        Returns
        -------
        images, labels : array
        chosen : array of int
            Positions of the poisoned images, ascending.

        Raises
        ------
        ArgumentError
            If the share is no fraction, or the other classes have too few images for it.
        """
        others = np.flatnonzero(labels != self.target)
        count = round(share * len(labels)) if 0 <= share <= 1 else -1
        if not 0 <= count <= len(others) or len(images) != len(labels):
            raise ArgumentError(
                f"share is {share} of {len(labels)} labels for {len(images)} images; expected a "
                f"fraction for which {len(others)} images of other classes are enough"
            )
        chosen = np.sort(np.random.default_rng(rng).choice(others, count, replace=False))
        images, labels = images.copy(), labels.copy()
        images[chosen], labels[chosen] = self.stamp(images[chosen]), self.target
        return images, labels, chosen

    def attack(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the stamped images of all other classes.

        The share of them that a network puts into the target class is its attack success rate;
        images of the target class would count correct answers as success.
        """
        others = labels != self.target
        if not others.any():
            raise ArgumentError(f"all {len(labels)} images are of the target class {self.target}")
        return self.stamp(images[others])
