"""Reads from any model what pruning needs: weights, masks that are already there, the wiring."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError, RegionsError, UnsupportedModelError
from regions.networks import Graph, ReLUNetwork, as_network, as_wiring
from regions.pruning.model.parameters import (
    current_weight,
    is_masked,
    is_own_layer,
    passed_over,
    prunable_modules,
    tied_layers,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Reading:
    """The prunable weights of a model in float64, and its wiring or why there is none.

    Weights are those that act: where a module computes its weight from its parameter, the result.
    `note` says why there is no wiring, or where it is known, why there is no exact description.
    `tied` names the layers whose weight is the same parameter as that of an earlier layer, and
    which; `passed_over` the weights that belong to no Linear or Conv module; `computed` the layers
    whose weight is not their parameter with some entries set to zero; `output` is which output the
    exact description is of: "logits" where a final softmax or sigmoid is left off; `masks` are
    those that layers of the model carry.
    """

    weights: dict[str, np.ndarray]
    graph: Graph | None
    note: str
    tied: dict[str, str] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    output: str | None = None
    masks: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def output_layers(self) -> tuple[str, ...]:
        """The layers that give the outputs: by the wiring, or the last one where it is unknown."""
        return tuple(self.weights)[-1:] if self.graph is None else self.graph.last_layers

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each layer's weight."""
        return {name: weight.shape for name, weight in self.weights.items()}

    @property
    def whole(self) -> dict[str, np.ndarray]:
        """The masks of all layers if none is pruned: all ones, or what a layer masks itself."""
        ones = {name: np.ones(shape, dtype=bool) for name, shape in self.shapes.items()}
        return ones | self.masks

    def require_exact(self, what: str) -> Graph:
        """Return the wiring of an exact description, or refuse if there is none."""
        graph = self.require_graph(what)
        if not graph.is_exact:
            raise UnsupportedModelError(
                f"{what} needs an exact description, and of this model only the wiring is known: "
                f"{self.note}"
            )
        return graph

    def described(self, model: Any, what: str) -> ReLUNetwork:
        """Return the exact description of the model that was read, or refuse."""
        return as_network(model, self.require_exact(what).input_shape, self.output)

    def require_graph(self, what: str) -> Graph:
        """Return the wiring, or refuse if it is unknown."""
        if self.graph is None:
            raise UnsupportedModelError(
                f"{what} follows input-to-output paths, but the wiring is unknown: {self.note}"
            )
        return self.graph


def is_module(model: Any) -> bool:
    """Tell whether `model` is a torch module, without importing torch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def is_parameter(value: Any) -> bool:
    """Tell whether `value` is a parameter of a torch module, without importing torch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Parameter)


def read_model(model: Any, input_shape: tuple[int, ...] | None = None) -> Reading:
    """Return the weights and the wiring of `model`.

    A torch module that cannot be described as a ReLU network still has weights to prune, and most
    have a wiring; where it is None, the note says why. Wrong `input_shape` or non-finite weights
    are errors.
    """
    if not is_module(model):
        network = as_network(model, input_shape)
        reading = Reading(dict(network.weights), network.graph, "")
    else:
        reading = _read_module(model, input_shape)
    for name, weight in reading.weights.items():
        _check_finite(name, weight)
    return reading


def _read_module(model: torch.nn.Module, input_shape: tuple[int, ...] | None) -> Reading:
    from regions.networks.twin import uncompiled

    model = uncompiled(model)
    modules = prunable_modules(model)
    weights = {name: _weight(name, module) for name, module in modules.items()}
    others = passed_over(model)
    if not weights:
        raise ArgumentError(
            f"{type(model).__name__} has no Linear or Conv module, so there is nothing to prune"
            + (f"; its weights {list(others)} are of other kinds" if others else "")
        )
    for name, weight in weights.items():
        _check_finite(name, weight)
    graph, parameters, note, output = _wiring(model, input_shape)
    found = {name: _own_mask(modules[name], weight) for name, weight in weights.items()}
    masks = {name: mask for name, mask in found.items() if mask is not None}
    computed = []
    if graph is not None:
        whole = tuple(name for name in graph.prunable if not _is_own(name, weights, graph))
        graph = replace(graph, whole=whole)
        own = {name: weights[name] for name in graph.prunable}
        weights = {name: _acting(own[name], parameters[f"{name}.weight"]) for name in own}
        computed = [n for n, w in weights.items() if ((w != own[n]) & (w != 0)).any()]
        masks = {n: masks.get(n, True) & ((w != 0) | (own[n] == 0)) for n, w in weights.items()}
        others += tuple(f"{n}.weight" for n in modules if is_own_layer(modules[n]) and n not in own)
    else:  # whether these are layers the wiring alone would tell
        ours = {name for name, part in modules.items() if is_own_layer(part)}
        weights = {name: weight for name, weight in weights.items() if name not in ours}
        others += tuple(f"{name}.weight" for name in modules if name in ours)
        if not weights:
            raise UnsupportedModelError(
                f"{type(model).__name__} has no layers but its own, {sorted(ours)}, and their "
                f"wiring is unknown: {note}"
            )
    tied = tied_layers(model, weights)
    masks = {name: mask for name, mask in masks.items() if name in weights and not mask.all()}
    return Reading(weights, graph, note, tied, others, tuple(computed), output, masks)


def _is_own(name: str, weights: Mapping[str, np.ndarray], graph: Graph) -> bool:
    """Tell whether a weight of the wiring is that of a Linear or Conv module."""
    return name in weights and weights[name].shape == graph.prunable[name]


def _acting(own: np.ndarray, acting: np.ndarray) -> np.ndarray:
    """Return the weight that acts, or a module's own where they differ by rounding alone."""
    rounding = 1e-5 * np.abs(own).max(initial=0.0)
    close = (np.abs(acting - own) <= rounding) & ((acting == 0) == (own == 0))
    return np.where(close, own, acting)


def _wiring(
    model: Any, input_shape: tuple[int, ...] | None
) -> tuple[Graph | None, Mapping[str, np.ndarray], str, str | None]:
    """Return the wiring, the weights as they act, why there is no more, and which output it is of.

    What comes before a final softmax or sigmoid is reached by the same weights.
    """
    try:
        network = as_network(model, input_shape)
        return network.graph, network.parameters, "", None
    except RegionsError as error:
        if input_shape is not None and isinstance(error, ArgumentError):
            raise
        note = str(error)
    with suppress(RegionsError):
        network = as_network(model, input_shape, output="logits")
        return network.graph, network.parameters, "", "logits"
    with suppress(RegionsError):
        return *as_wiring(model, input_shape), note, None
    return None, {}, note, None


def _weight(name: str, module: Any) -> np.ndarray:
    from torch.nn.parameter import UninitializedParameter

    if isinstance(module._parameters.get("weight"), UninitializedParameter):
        raise ArgumentError(
            f"layer {name!r} has no weights yet; run the model once on an input, then prune it"
        )
    weight = current_weight(module)
    if weight.is_meta:
        raise ArgumentError(f"layer {name!r} is on the meta device and has no values; load them")
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


def carried_masks(model: Any, input_shape: tuple[int, ...] | None = None) -> dict[str, Any]:
    """Return the parts of the `Masks` that `model` carries; see `Masks.from_model`."""
    reading = read_model(model, input_shape)
    modules = prunable_modules(model) if is_module(model) else {}
    arrays = {name: _carried(modules.get(name), weight) for name, weight in reading.weights.items()}
    return {"arrays": arrays, "graph": reading.graph, "note": reading.note}


def _carried(module: Any, weight: np.ndarray) -> np.ndarray:
    mask = None if module is None else _own_mask(module, weight)
    return weight != 0 if mask is None else mask


def _own_mask(module: Any, weight: np.ndarray) -> np.ndarray | None:
    """Return the mask of torch prune or of a parametrization, if a module has one."""
    if is_masked(module):
        return module.weight_mask.detach().cpu().numpy() != 0
    found = [buffer for buffer in _parametrization_buffers(module) if buffer.shape == weight.shape]
    binary = [buffer != 0 for buffer in found if np.isin(buffer, (0, 1)).all()]
    return np.all(binary, axis=0) if binary else None


def _parametrization_buffers(module: Any) -> list[np.ndarray]:
    parametrizations = getattr(module, "parametrizations", {})
    if "weight" not in parametrizations:
        return []
    buffers = parametrizations["weight"].buffers()
    return [buffer.detach().cpu().numpy() for buffer in buffers]
