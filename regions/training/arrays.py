"""Data sets given in Python: pairs of torch Datasets or DataLoaders."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from regions.errors import DataError
from regions.training.source import Source

_AT_ONCE = 512


def read_torch(train: Any, test: Any) -> Source:
    """Return all images and labels of a training and a test set, in their order.

    Parameters
    ----------
    train, test : Dataset or DataLoader
        Of pairs (image, label). A loader's own order does not matter: its dataset is read in
        order. What transforms draw at random is drawn once.

    Raises
    ------
    DataError
        If they hold anything else, or do not fit together.
    """
    (images, labels), (test_images, test_labels) = _all(train, "training"), _all(test, "test")
    name = type(getattr(train, "dataset", train)).__name__
    hashed = [images, labels, test_images, test_labels]
    return Source.checked(name, images, labels, test_images, test_labels, hashed)


def _all(given: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    dataset = given.dataset if isinstance(given, DataLoader) else given
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"the {what} data is a {type(given).__name__}; expected a torch Dataset or DataLoader"
        )
    images, labels = [], []
    for batch in DataLoader(dataset, batch_size=_AT_ONCE):
        if not isinstance(batch, (list, tuple)) or len(batch) != 2:
            raise DataError(f"the {what} data gives no pairs (image, label)")
        images.append(torch.as_tensor(batch[0]))
        labels.append(torch.as_tensor(batch[1]))
    if not images:
        raise DataError(f"the {what} data is empty")
    stacked = torch.cat(images).numpy()
    return stacked[:, None] if stacked.ndim == 3 else stacked, torch.cat(labels).numpy()
