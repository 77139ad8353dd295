"""What the command line is given by name: models, widths, data, domains, arrays, numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from regions.choices import check_name, options_of
from regions.errors import ArgumentError, DataError
from regions.files import read_npy

FACTORY = "package.module:factory with an optional @weights.pt"


def widths_or_network(model: str, input_shape: tuple[int, ...] | None) -> Any:
    """Return widths such as 784,100,10 as numbers, anything else as a network."""
    if re.fullmatch(r"\d+(,\d+)+", model):
        return [int(width) for width in model.split(",")]
    return network(model, input_shape)


def network(model: str, input_shape: tuple[int, ...] | None) -> Any:
    """Return the network that a file or factory holds."""
    import regions
    from regions.networks.load import load_model

    return regions.as_network(load_model(model), input_shape)


def batch(criterion: str, data: str | None, images: int, seed: int) -> dict[str, Any]:
    """Return one batch as the options of `regions.prune` that the criterion takes."""
    from regions.pruning import CRITERIA, METHODS
    from regions.training import load_data

    if data is None:
        return {}
    known = {**CRITERIA, **METHODS}
    check_name("criterion", criterion, known)
    taken = {"inputs", "labels"}.intersection(options_of(known[criterion]))
    if not taken:
        raise ArgumentError(f"criterion {criterion!r} looks at no data; leave --data out")
    batch = load_data(data).train.sample(images, rng=seed)
    return {name: getattr(batch, name) for name in sorted(taken)}


def module(source: str) -> Any:
    """Return the torch module of a factory."""
    import torch

    from regions.networks.load import load_model

    model = load_model(source)
    if not isinstance(model, torch.nn.Module):
        raise ArgumentError(
            f"{source} holds no torch module, whose layers could be watched; give {FACTORY}"
        )
    return model


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
    import regions

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
