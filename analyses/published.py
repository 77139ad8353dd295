"""Networks with published weights, and images scaled as those weights expect them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from regions.errors import DataError
from regions.files import read_npz
from regions.networks import load_weights
from regions.training import DataSet, Split

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the published networks' inputs


def states_of(path: Path, network: str) -> dict[str, dict[str, Any]]:
    """Return parameters of every network in a file of NETWORK/NAME, the wanted network first."""
    arrays = read_npz(path, ".npz file of trained weights")
    found = {name.partition("/")[0] for name in arrays}
    if network not in found:
        raise DataError(f"{path} holds weights of {sorted(found)}, not of {network}")
    states: dict[str, dict[str, Any]] = {name: {} for name in (network, *sorted(found))}
    for key, value in arrays.items():
        name, _, parameter = key.partition("/")
        states[name][parameter] = value
    return states


def with_state(model: nn.Module, state: dict[str, Any]) -> nn.Module:
    """Return the model with given parameters, in evaluation mode."""
    tensors = {name: torch.as_tensor(np.asarray(value)) for name, value in state.items()}
    return load_weights(model, tensors).eval()


def as_published(data: DataSet) -> DataSet:
    """Return the images scaled as published networks expect them; they were scaled by `data`."""
    if data.image_shape[0] != len(MEAN):
        raise DataError(f"{data.name} has images of {data.image_shape}; the weights are for RGB")
    mean, sd = (np.array(part, np.float32).reshape(-1, 1, 1) for part in (MEAN, SD))

    def scaled(split: Split) -> Split:
        return Split(((split.inputs * data.sd + data.mean) / 255.0 - mean) / sd, split.labels)

    parts = {name: scaled(getattr(data, name)) for name in ("train", "validation", "test")}
    return replace(data, **parts)
