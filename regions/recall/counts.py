"""Correct counts of many models on one set of test images: what estimators start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Counts:
    """Correct predictions per class.

    Attributes
    ----------
    sizes : int array, (classes,)
        Test images of each class.
    dense : int array, (models, classes)
    pruned : int array, (ratios, models, classes)
    both : int array, (ratios, models, classes), or None
        Images that the dense and the pruned network both get right; None if unknown.
    """

    sizes: np.ndarray
    dense: np.ndarray
    pruned: np.ndarray
    both: np.ndarray | None

    def __add__(self, other: Counts) -> Counts:
        both = None if self.both is None or other.both is None else self.both + other.both
        return Counts(
            self.sizes + other.sizes, self.dense + other.dense, self.pruned + other.pruned, both
        )

    def __sub__(self, other: Counts) -> Counts:
        both = None if self.both is None or other.both is None else self.both - other.both
        return Counts(
            self.sizes - other.sizes, self.dense - other.dense, self.pruned - other.pruned, both
        )


def leave_one_out(groups: Sequence[Counts]) -> list[Counts]:
    """Return the counts of all groups of images together, then those without each group.

    One group alone cannot be left out: then only the whole is returned.
    """
    whole = groups[0]
    for group in groups[1:]:
        whole = whole + group
    return [whole] if len(groups) == 1 else [whole, *(whole - group for group in groups)]
