"""Masks on disk: our .npz, and the files that open_lth reads."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from regions.errors import DataError
from regions.files import guarded, read_npz
from regions.networks import Graph
from regions.pruning.masks.wiring import read_graph
from regions.results import write_atomically, write_json

Arrays = Mapping[str, np.ndarray]

EXPECTED = "complete file of masks written by Masks.save"
_FORMAT = 1
_LIMIT = 2**31  # bytes after decompression, and weights


def write_masks(
    path: str | os.PathLike, masks: Arrays, graph: Graph | None, note: str, repaired: Arrays
) -> Path:
    """Write the parts of a `Masks` to `path`; see `Masks.save`."""
    head = {
        "format": _FORMAT,
        "kind": "regions.Masks",
        "layers": [[name, list(mask.shape)] for name, mask in masks.items()],
        "graph": None if graph is None else graph.to_json(),
        "note": note,
        "repaired": list(repaired),
    }
    entries: dict[str, Any] = {
        f"bits{index}": np.packbits(mask) for index, mask in enumerate(masks.values())
    }
    entries |= {f"repaired{index}": value for index, value in enumerate(repaired.values())}
    entries["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    stream = io.BytesIO()
    np.savez_compressed(stream, **entries)
    return write_atomically(path, stream.getvalue())


def read_masks(path: str | os.PathLike) -> dict[str, Any]:
    """Return the parts of the `Masks` in `path`; see `Masks.load`."""
    entries = read_npz(path, EXPECTED, limit=_LIMIT)
    with guarded(Path(path), EXPECTED):
        head = json.loads(entries["head"].tobytes())
        if head["kind"] != "regions.Masks" or head["format"] != _FORMAT:
            raise DataError(
                f"{path} holds {head['kind']} in format {head['format']}; "
                f"expected regions.Masks in format {_FORMAT}"
            )
        shapes = {name: _checked_shape(shape) for name, shape in head["layers"]}
        if len(shapes) < len(head["layers"]):
            raise ValueError("two layers share a name")
        weights = sum(map(prod, shapes.values()))
        if weights > _LIMIT:
            raise DataError(f"{path} announces masks of {weights} weights; the limit is {_LIMIT}")
        arrays = {
            name: _unpack(entries[f"bits{index}"], shape)
            for index, (name, shape) in enumerate(shapes.items())
        }
        repaired = {
            name: entries[f"repaired{index}"] for index, name in enumerate(head.get("repaired", []))
        }
        graph = None if head["graph"] is None else read_graph(head["graph"])
        return {"arrays": arrays, "graph": graph, "note": head["note"], "repaired": repaired}


def is_foreign(path: str | os.PathLike) -> bool:
    """Tell whether a readable archive of arrays is none of ours."""
    if not Path(path).is_file():  # a pipe would be waited for
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "head.npy" not in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise ValueError(f"a mask has the shape {shape!r:.80}")
    return tuple(shape)


def _unpack(bits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    size = prod(shape)
    if bits.dtype != np.uint8 or bits.shape != ((size + 7) // 8,):
        raise ValueError(f"a mask of shape {shape} needs {(size + 7) // 8} bytes, got {bits.shape}")
    return np.unpackbits(bits, count=size).astype(bool).reshape(shape)


def write_open_lth(folder: str | os.PathLike, masks: Arrays) -> Path:
    """Write the files that open_lth reads; see `Masks.to_open_lth`."""
    import torch

    target = Path(folder)
    tensors: dict[str, Any] = {
        f"{name}.weight": torch.from_numpy(mask.astype(np.int32)) for name, mask in masks.items()
    }
    stream = io.BytesIO()
    torch.save(tensors, stream)
    write_atomically(target / "mask.pth", stream.getvalue())
    report = {
        "total": sum(mask.size for mask in masks.values()),
        "unpruned": sum(int(np.count_nonzero(mask)) for mask in masks.values()),
    }
    write_json(target / "sparsity_report.json", report)
    return target
