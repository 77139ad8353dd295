"""Models named by text, as the command line gives them: a file, or a factory in a module."""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

from regions.errors import ArgumentError, DataError, RegionsError
from regions.files import check_file, check_zip, read_npz
from regions.networks.checkpoint import LARGEST, load_weights
from regions.networks.convert import as_network
from regions.networks.network import ReLUNetwork

_FORMS = (
    "a .onnx file, a .pt2 file (torch.export), an .npz file (arrays NAME.weight and NAME.bias in "
    "order), or package.module:factory, with @weights.pt for a state_dict"
)


def load_model(source: str) -> Any:
    """Return the model that `source` names: a torch module or program, or a `ReLUNetwork`.

    Parameters
    ----------
    source : str
        A ``.onnx`` file, a ``.pt2`` file saved by `torch.export.save` with a free batch axis, an
        ``.npz`` file with arrays ``NAME.weight`` (outputs, inputs) and ``NAME.bias`` in the order
        of the layers, or ``package.module:factory`` - a callable without arguments that returns a
        module - followed by ``@weights.pt`` to load a checkpoint; see `load_weights`.

    Raises
    ------
    ArgumentError
        If the text has none of these forms, or the factory cannot be imported or called.
    DataError
        If a file is missing, broken, or holds anything but arrays.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> arrays = {"fc1.weight": np.eye(2), "fc1.bias": np.zeros(2), "fc2.weight": np.ones((1, 2))}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/model.npz", **arrays, **{"fc2.bias": np.zeros(1)})
    ...     net = load_model(f"{folder}/model.npz")
    >>> net.widths
    (2, 2, 1)
    """
    path, suffix = Path(source), Path(source).suffix
    if suffix in (".onnx", ".npz", ".pt2") and ":" not in path.name:
        if not path.is_file():
            raise DataError(f"no file {source}; check the path")
        load = {".pt2": _load_program, ".onnx": _load_onnx, ".npz": _load_arrays}
        return load[suffix](path)
    name, _, weights = source.partition("@")
    module, colon, factory = name.partition(":")
    if not colon or not module or not factory:
        raise ArgumentError(f"cannot read the model {source!r}; expected {_FORMS}")
    model = _call_factory(module, factory)
    if not weights:
        return model
    if not Path(weights).is_file():
        raise DataError(f"no file {weights}; check the path after @")
    return load_weights(model, weights)


def _load_arrays(path: Path) -> ReLUNetwork:
    arrays = read_npz(path)
    names = [name.removesuffix(".weight") for name in arrays if name.endswith(".weight")]
    unknown = set(arrays) - {f"{n}.weight" for n in names} - {f"{n}.bias" for n in names}
    if not names or unknown:
        raise DataError(
            f"{path} holds the arrays {list(arrays)}; expected NAME.weight (outputs, inputs) and "
            "NAME.bias for every layer, in order"
        )
    pairs = [(arrays[f"{name}.weight"], arrays.get(f"{name}.bias")) for name in names]
    return as_network(pairs)


def _load_onnx(path: Path) -> ReLUNetwork:
    check_file(path, LARGEST)
    try:
        return as_network(path)
    except RegionsError:
        raise
    except Exception as error:  # the parser of a damaged file may raise anything
        raise DataError(
            f"{path} cannot be read as an ONNX model ({type(error).__name__}: {_line(error)})"
        ) from error


def _load_program(path: Path) -> Any:
    import torch

    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not a program saved by torch.export.save, or it is truncated")
    check_zip(path, "program saved by torch.export.save", LARGEST)
    try:
        return torch.export.load(path)
    except Exception as error:
        raise DataError(
            f"{path} is not a program saved by torch.export.save ({type(error).__name__}: "
            f"{_line(error)})"
        ) from error


def _call_factory(module: str, factory: str) -> Any:
    if os.getcwd() not in sys.path:  # noqa: PTH109
        sys.path.insert(0, os.getcwd())  # noqa: PTH109  as `python -m` does
    try:
        model = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"cannot get a model from {module}:{factory}: {error}; it must be importable from the "
            "current folder and callable without arguments"
        ) from error
    return model


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
