"""What the command line is given by name: models, widths, data, domains, arrays, numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import regions
from regions.errors import ArgumentError, DataError
from regions.files import read_npy
from regions.networks.load import load_model
from regions.training.models import MODELS


def widths_or_network(model: str, input_shape: tuple[int, ...] | None) -> Any:
    """Return widths such as 784,100,10 as numbers, anything else as a network."""
    if re.fullmatch(r"\d+(,\d+)+", model):
        return [int(width) for width in model.split(",")]
    return network(model, input_shape)


def network(model: str, input_shape: tuple[int, ...] | None) -> Any:
    """Return the network that a file or factory holds."""
    if model in MODELS:
        raise ArgumentError(
            f"{model!r} is an architecture, which has no weights; give a file or a factory of a "
            f"trained model, or train networks of it: regions atlas {model}"
        )
    return regions.as_network(load_model(model), input_shape)


def numbers(text: str) -> tuple[float, ...]:
    """Return the numbers of a list such as .5,.2,.05."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ArgumentError(
            f"cannot read {text!r} as numbers; expected some such as .5,.2,.05"
        ) from error


def domain(
    size: int,
    box: tuple[float, float] | None,
    points: Path | None,
    within: tuple[float, float] | None,
) -> Any:
    """Return the domain that the options describe; None is the whole input space."""
    if box is not None and points is not None:
        raise ArgumentError("give either --box or --points; --within clips the flat through points")
    if points is None:
        return None if box is None else regions.Box.cube(size, *box)
    inside = None if within is None else regions.Box.cube(size, *within)
    return regions.Slice.through(read_array(points), box=inside)


def read_array(path: Path) -> Any:
    """Return the array of numbers in an .npy file."""
    array = read_npy(path)
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise DataError(f"{path} holds {array.dtype} of shape {array.shape}; expected numbers")
    return array
