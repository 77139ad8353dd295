"""Reads from any model what pruning needs: weights, masks that are already there, the wiring."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError, RegionsError, UnsupportedModelError
from regions.pruning.masks import Masks

if TYPE_CHECKING:
    import torch

    from regions.networks import Graph


@dataclass(frozen=True)
class Reading:
    """The prunable weights of a model in float64, and its wiring or why there is none."""

    weights: dict[str, np.ndarray]
    graph: Graph | None
    note: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each layer's weight."""
        return {name: weight.shape for name, weight in self.weights.items()}

    def require_graph(self, what: str) -> None:
        """Refuse if the wiring is unknown."""
        if self.graph is None:
            raise UnsupportedModelError(
                f"{what} follows input-to-output paths, but the wiring is unknown: {self.note}"
            )


def is_module(model: Any) -> bool:
    """Tell whether `model` is a torch module, without importing torch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def read_model(model: Any, input_shape: tuple[int, ...] | None = None) -> Reading:
    """Return the weights and the wiring of `model`.

    A torch module that cannot be described as a ReLU network still has weights to prune: its
    wiring is then None and the note says why. Wrong `input_shape` or non-finite weights are errors.
    """
    if not is_module(model):
        from regions.networks import as_network

        network = as_network(model, input_shape)
        reading = Reading(dict(network.weights), network.graph, "")
    else:
        reading = _read_module(model, input_shape)
    for name, weight in reading.weights.items():
        _check_finite(name, weight)
    return reading


def _read_module(model: torch.nn.Module, input_shape: tuple[int, ...] | None) -> Reading:
    weights = {name: _weight(name, module) for name, module in prunable_modules(model).items()}
    if not weights:
        raise ArgumentError(
            f"{type(model).__name__} has no Linear or Conv module, so there is nothing to prune"
        )
    for name, weight in weights.items():
        _check_finite(name, weight)
    graph, note = _wiring(model, input_shape)
    if graph is None:
        return Reading(weights, None, note)
    missing = [name for name in graph.prunable if name not in weights]
    if missing:
        return Reading(
            weights, None, f"the weights of {missing} belong to no Linear or Conv module"
        )
    return Reading({name: weights[name] for name in graph.prunable}, graph, "")


def _wiring(model: Any, input_shape: tuple[int, ...] | None) -> tuple[Graph | None, str]:
    from regions.networks import as_network

    try:
        return as_network(model, input_shape).graph, ""
    except RegionsError as error:
        if input_shape is not None and isinstance(error, ArgumentError):
            raise
        return None, str(error)


def prunable_modules(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Return the Linear and Conv modules of `model` by name, in the order of registration."""
    from torch.nn.modules import Conv1d, Conv2d, Conv3d, Linear

    kinds = (Linear, Conv1d, Conv2d, Conv3d)
    return {name: part for name, part in model.named_modules() if isinstance(part, kinds)}


def _weight(name: str, module: Any) -> np.ndarray:
    # after torch prune `module.weight` is stale until the next forward pass
    if hasattr(module, "weight_orig") and hasattr(module, "weight_mask"):
        weight = module.weight_orig.detach() * module.weight_mask
    else:
        weight = module.weight.detach()
    if weight.numel() == 0:
        raise ArgumentError(f"layer {name!r} has no weights: shape {tuple(weight.shape)}")
    return weight.cpu().double().numpy().copy()


def _check_finite(name: str, weight: np.ndarray) -> None:
    bad = int(weight.size - np.isfinite(weight).sum())
    if bad:
        raise ArgumentError(
            f"layer {name!r} has {bad} NaN or infinite weight(s) of {weight.size}; "
            "retrain or repair the model before pruning it"
        )


def masks_of(model: Any, input_shape: tuple[int, ...] | None = None) -> Masks:
    """Return the masks that `model` carries; see `Masks.from_model`."""
    reading = read_model(model, input_shape)
    modules = prunable_modules(model) if is_module(model) else {}
    arrays = {name: _carried(modules.get(name), weight) for name, weight in reading.weights.items()}
    return Masks(arrays, reading.graph, reading.note)


def _carried(module: Any, weight: np.ndarray) -> np.ndarray:
    if hasattr(module, "weight_orig") and hasattr(module, "weight_mask"):
        return module.weight_mask.detach().cpu().numpy() != 0
    found = [buffer for buffer in _parametrization_buffers(module) if buffer.shape == weight.shape]
    binary = [buffer for buffer in found if np.isin(buffer, (0, 1)).all()]
    return np.all(binary, axis=0) if binary else weight != 0


def _parametrization_buffers(module: Any) -> list[np.ndarray]:
    parametrizations = getattr(module, "parametrizations", {})
    if "weight" not in parametrizations:
        return []
    buffers = parametrizations["weight"].buffers()
    return [buffer.detach().cpu().numpy() for buffer in buffers]
