"""Masks on disk: our .npz, and the files that open_lth reads."""

from __future__ import annotations

import io
import json
import os
import zipfile
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError, DataError
from regions.pruning.masks import Masks
from regions.results import write_atomically, write_json

if TYPE_CHECKING:
    from regions.networks import Graph

_FORMAT = 1
_LIMIT = 2**31  # bytes after decompression


def save_masks(masks: Masks, path: str | os.PathLike) -> Path:
    """Write `masks` to `path`; see `Masks.save`."""
    head = {
        "format": _FORMAT,
        "kind": "regions.Masks",
        "layers": [[name, list(shape)] for name, shape in masks.shapes.items()],
        "graph": None if masks.graph is None else masks.graph.to_json(),
        "note": masks.note,
        "repaired": list(masks.repaired),
    }
    entries: dict[str, Any] = {
        f"bits{index}": np.packbits(mask) for index, mask in enumerate(masks.values())
    }
    entries |= {f"repaired{index}": value for index, value in enumerate(masks.repaired.values())}
    entries["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    stream = io.BytesIO()
    np.savez_compressed(stream, **entries)
    return write_atomically(path, stream.getvalue())


def load_masks(path: str | os.PathLike) -> Masks:
    """Return the masks in `path`; see `Masks.load`."""
    entries = _read_archive(Path(path))
    try:
        head = json.loads(entries["head"].tobytes())
        if head["kind"] != "regions.Masks" or head["format"] != _FORMAT:
            raise DataError(
                f"{path} holds {head['kind']} in format {head['format']}; "
                f"expected regions.Masks in format {_FORMAT}"
            )
        arrays = {
            name: _unpack(entries[f"bits{index}"], tuple(shape))
            for index, (name, shape) in enumerate(head["layers"])
        }
        repaired = {
            name: entries[f"repaired{index}"] for index, name in enumerate(head.get("repaired", []))
        }
        return Masks(arrays, _graph_from(head["graph"]), head["note"], repaired)
    except DataError:
        raise
    except (ArgumentError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} is no complete file of masks ({error}); expected one written by Masks.save"
        ) from error


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"there is no file {path}; expected one written by Masks.save")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _LIMIT:
            raise DataError(f"{path} would take {size} bytes in memory; the limit is {_LIMIT}")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is no .npz archive, or a truncated one ({error}); pickles and torch files "
            "are not read: expected a file written by Masks.save"
        ) from error


def _unpack(bits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    size = prod(shape)
    if bits.dtype != np.uint8 or bits.shape != ((size + 7) // 8,):
        raise DataError(f"a mask of shape {shape} needs {(size + 7) // 8} bytes, got {bits.shape}")
    return np.unpackbits(bits, count=size).astype(bool).reshape(shape)


def _graph_from(text: str | None) -> Graph | None:
    if text is None:
        return None
    from regions.networks import Graph

    return Graph.from_json(text)


def save_open_lth(masks: Masks, folder: str | os.PathLike) -> Path:
    """Write the files that open_lth reads; see `Masks.to_open_lth`."""
    import torch

    target = Path(folder)
    tensors: dict[str, Any] = {
        f"{name}.weight": torch.from_numpy(mask.astype(np.int32)) for name, mask in masks.items()
    }
    stream = io.BytesIO()
    torch.save(tensors, stream)
    write_atomically(target / "mask.pth", stream.getvalue())
    report = {"total": sum(masks.sizes.values()), "unpruned": sum(masks.counts.values())}
    write_json(target / "sparsity_report.json", report)
    return target
