"""Checkpoints of a training run: arrays only, written whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from regions.errors import DataError
from regions.files import read_npz
from regions.results import write_atomically

_LIMIT = 2**38  # a stack of networks fills the memory; damage is found by the archive's own sums


def write_checkpoint(path: Path, arrays: dict[str, np.ndarray], fingerprint: str) -> None:
    """Write named arrays and the fingerprint of the run they belong to."""
    stream = io.BytesIO()
    named: dict[str, Any] = {"fingerprint": np.array(fingerprint), **arrays}
    np.savez(stream, **named)
    write_atomically(path, stream.getvalue())


def read_checkpoint(path: Path, fingerprint: str) -> dict[str, np.ndarray] | None:
    """Return the arrays of a checkpoint, or None if there is none.

    Raises
    ------
    DataError
        If the file is damaged or belongs to a run with other settings, data or models.
    """
    if not path.exists():
        return None
    try:
        arrays = read_npz(path, "checkpoint", limit=_LIMIT)
        found = str(arrays.pop("fingerprint"))
    except (DataError, KeyError) as error:
        raise DataError(
            f"checkpoint {path} cannot be read ({error}); delete it to restart"
        ) from error
    if found != fingerprint:
        raise DataError(
            f"checkpoint {path} belongs to another run (other models, masks, data, seeds, "
            "recipe or stack size); delete it, or give another folder"
        )
    return arrays
