"""Masks that other programs wrote: open_lth, nni, or a plain file of arrays by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from regions.errors import ArgumentError, DataError
from regions.files import read_npz
from regions.networks.checkpoint import read_checkpoint

EXPECTED = (
    "a file of Masks.save, an .npz of arrays by layer, or a file of torch.save that maps layers "
    "(or NAME.weight) to 0/1 tensors, as open_lth and nni write them"
)


def read_foreign(path: Path, check: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Return layer -> array of a file of masks that another program wrote.

    Raises
    ------
    DataError
        If the file maps no names to arrays, or `check` refuses one of them.
    """
    given = read_npz(path) if path.suffix == ".npz" else read_checkpoint(path)
    if not isinstance(given, Mapping) or not given:
        raise DataError(f"{path} holds a {type(given).__name__}; expected {EXPECTED}")
    try:
        return {name: check(name, array) for name, array in layers_of(given).items()}
    except ArgumentError as error:
        raise DataError(f"{path}: {error}; expected {EXPECTED}") from error


def layers_of(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Return masks by layer: from NAME.weight, NAME.weight_mask, or nni's NAME -> {"weight": ...}.

    Masks of biases, and layers that a program leaves empty, are left out.

    Examples
    --------
    >>> layers_of({"fc1.weight": 1, "fc1.bias": 2, "fc2": {"weight": 3, "bias": None}})
    {'fc1': 1, 'fc2': 3}
    """
    found = {}
    for name, value in given.items():
        array = value.get("weight") if isinstance(value, Mapping) else value
        if array is None or str(name).endswith((".bias", ".bias_mask")):
            continue
        found[str(name).removesuffix("_mask").removesuffix(".weight")] = array
    return found
