"""Data as other programs name and hold them: Keras' names, labels in a column, torch's classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from regions.errors import ArgumentError, DataError
from regions.training import load_data

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 8, 8)).astype(np.float32), np.arange(40) % 4


def same(a, b) -> bool:
    return all(
        np.array_equal(getattr(a, part).inputs, getattr(b, part).inputs)
        and np.array_equal(getattr(a, part).labels, getattr(b, part).labels)
        for part in ("train", "validation", "test")
    )


def test_every_way_to_hold_the_data_gives_the_same(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", X_train=X[:30], y_train=Y[:30], X_test=X[30:], y_test=Y[30:])
    names = {"x_train": X[:30], "y_train": Y[:30, None], "x_test": X[30:], "y_test": Y[30:, None]}
    np.savez(tmp_path / "keras.npz", **names)
    sets = [
        TensorDataset(torch.from_numpy(x)[:, None], torch.from_numpy(y))
        for x, y in ((X[:30], Y[:30]), (X[30:], Y[30:]))
    ]
    loaders = [DataLoader(one, batch_size=7, shuffle=True) for one in sets]
    known = load_data(tmp_path / "a.npz")
    for source in (tmp_path / "keras.npz", tuple(sets), tuple(loaders)):
        assert same(load_data(source), known)
    assert not same(load_data(tmp_path / "a.npz", rng=1), known)  # the control


def test_what_is_no_data_set_is_refused() -> None:
    one = TensorDataset(torch.zeros(4, 3), torch.arange(4))
    with pytest.raises(ArgumentError, match="training, test"):
        load_data((one,))
    with pytest.raises(DataError, match="Dataset or DataLoader"):
        load_data((one, [1, 2]))
    with pytest.raises(DataError, match="pairs"):
        load_data((TensorDataset(torch.zeros(4, 3)), one))
