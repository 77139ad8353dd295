"""Weights as people have them: checkpoints of training, wrapped, compiled or pruned models."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.errors import DataError
from regions.files import check_file, check_zip

if TYPE_CHECKING:
    import torch

LARGEST = 2**36  # bytes of a model, unpacked

_INSIDE = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
_COUNTER = "num_batches_tracked"
_SHOWN = 3


def load_weights(model: torch.nn.Module, source: Any) -> torch.nn.Module:
    """Load the weights of a checkpoint into `model`, as `load_state_dict` does, and return it.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    source : path or mapping
        A file of `torch.save` (read with ``weights_only=True``), or what is in one: a state_dict,
        or a mapping that holds one under "state_dict", "model_state_dict", "model" or the like.
        Prefixes of wrappers ("module.", "_orig_mod.") are dropped; weights pruned by
        `torch.nn.utils.prune` or by `Masks.apply` ("weight_orig" and "weight_mask") are multiplied.
        Batch norms' counters may be missing, as they are in old files: no output depends on them.

    Raises
    ------
    DataError
        If the file is none, or its weights are not those of the model: the first missing and
        unexpected names and wrong shapes are listed.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1))
    >>> state = {f"module.{name}": value for name, value in model.state_dict().items()}
    >>> load_weights(torch.nn.Sequential(torch.nn.Linear(2, 1)), {"state_dict": state}).training
    True
    """
    named = isinstance(source, (str, os.PathLike))
    what = str(source) if named else "the checkpoint"
    given = read_checkpoint(Path(source)) if named else source
    own = model.state_dict()
    found = _for_names(_state_in(given, what), set(own))
    missing = [name for name in own if name not in found and not name.endswith(_COUNTER)]
    others = [name for name in found if name not in own]
    wrong = [
        f"{name}: {tuple(found[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in found and found[name].shape != own[name].shape
    ]
    if missing or others or wrong:
        parts = [
            f"{len(names)} {label} ({', '.join(names[:_SHOWN])}{', ...' * (len(names) > _SHOWN)})"
            for label, names in (
                ("missing", missing),
                ("unexpected", others),
                ("of a wrong shape", wrong),
            )
            if names
        ]
        raise DataError(
            f"{what} does not hold the weights of this {type(model).__name__}: {'; '.join(parts)}. "
            f"The model has {len(own)} tensors, {', '.join([*own][:_SHOWN])}, ...; give a "
            "checkpoint of the same architecture, saved by torch.save(model.state_dict(), ...)"
        )
    model.load_state_dict({**own, **found})
    return model


def read_checkpoint(path: Path) -> Any:
    """Return what `torch.save` wrote, without running any code that the file may hold."""
    import torch

    check_file(path, LARGEST)
    if zipfile.is_zipfile(path):
        check_zip(path, "state_dict saved by torch.save", LARGEST)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file: anything
        if "weights_only" in str(error):
            raise DataError(
                f"{path} holds Python objects, such as a whole model, and not weights alone; "
                "loading them can run any code. Load it where you trust it and write "
                "torch.save(model.state_dict(), ...)"
            ) from error
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path} does not hold weights ({line}); expected what "
            "torch.save(model.state_dict(), ...) writes"
        ) from error


def _state_in(given: Any, what: str) -> dict[str, Any]:
    """Return the state_dict itself, wherever a checkpoint keeps it."""
    for _ in _INSIDE:
        inner = [given[k] for k in _INSIDE if isinstance(given, Mapping) and k in given]
        if not inner or not isinstance(inner[0], Mapping):
            break
        given = inner[0]
    tensors = isinstance(given, Mapping) and all(hasattr(v, "shape") for v in given.values())
    if not tensors or not given:
        keys = [*given][:_SHOWN] if isinstance(given, Mapping) else type(given).__name__
        raise DataError(
            f"{what} does not hold weights: it has {keys}; expected a state_dict (names and "
            f"tensors), or a mapping with one under {', '.join(_INSIDE[:3])}"
        )
    return dict(given)


def _for_names(state: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return the state without wrappers' prefixes and with masks multiplied, unless it fits."""
    if set(state) == names:
        return state
    folded = _folded(state, names)
    dropped = True
    while dropped and set(folded) != names:
        dropped = False
        for prefix in _PREFIXES:
            if all(name.startswith(prefix) for name in folded) and not names & set(folded):
                folded = {name.removeprefix(prefix): value for name, value in folded.items()}
                dropped = True
    return folded


def _folded(state: dict[str, Any], names: set[str]) -> dict[str, Any]:
    found = {}
    for name, value in state.items():
        plain = name.removesuffix("_orig")
        if name.endswith("_mask") and f"{name.removesuffix('_mask')}_orig" in state:
            continue
        mask = state.get(f"{plain}_mask") if plain != name else None
        found[name if mask is None else plain] = value if mask is None else value * mask
    return found
