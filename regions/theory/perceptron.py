"""Plain perceptrons as lists of matrices, with the names that masks use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.errors import UnsupportedModelError
from regions.networks import ReLUNetwork, as_network
from regions.networks.steps import Linear, Move
from regions.pruning.model.parameters import is_masked, prunable_modules
from regions.pruning.model.reading import is_module


@dataclass(frozen=True)
class Perceptron:
    """Linear layers with a ReLU (or LeakyReLU) after each but the last."""

    names: tuple[str, ...]
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray | None, ...]
    slopes: tuple[float, ...]
    moves: tuple[Move, ...] = ()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each layer's weight."""
        return {name: w.shape for name, w in zip(self.names, self.weights, strict=True)}

    @property
    def inputs(self) -> int:
        """Number of inputs n0."""
        return self.weights[0].shape[1]


def read_perceptron(model: Any, shape: tuple[int, ...]) -> Perceptron | None:
    """Return `model` as a perceptron, or None if it is none or has parameters of other kinds."""
    if is_module(model) and not _has_plain_parameters(model):
        return None
    try:
        net = as_network(model, shape if is_module(model) else None)
    except UnsupportedModelError:
        if is_module(model):
            return None
        raise
    return _perceptron_of(net)


def carried_masks(model: Any) -> dict[str, np.ndarray]:
    """Return the masks that `torch.nn.utils.prune` left in a module, by layer name."""
    if not is_module(model):
        return {}
    return {
        name: part.weight_mask.detach().cpu().numpy() != 0  # type: ignore[union-attr]
        for name, part in prunable_modules(model).items()
        if is_masked(part)
    }


def _has_plain_parameters(model: Any) -> bool:
    """Tell whether the parameters are trainable weights and biases, each of one Linear module."""
    from torch.nn import Linear as TorchLinear

    linear = {n: m for n, m in prunable_modules(model).items() if isinstance(m, TorchLinear)}
    weights = {n: "weight_orig" if is_masked(m) else "weight" for n, m in linear.items()}
    plain = {f"{n}.{kind}" for n in linear for kind in (weights[n], "bias")}
    named = [*model.named_parameters(remove_duplicate=False)]
    own = len({id(value) for _, value in named}) == len(named)
    names = {name.removeprefix(".") for name, _ in named}
    return own and names <= plain and all(value.requires_grad for _, value in named)


def _perceptron_of(net: ReLUNetwork) -> Perceptron | None:
    graph, parameters = net.graph, net.parameters
    *moves, first = graph.segments[0] or (graph.steps[0],)
    flat = isinstance(first, Linear) and len(first.shape) == 1
    plain = flat and all(graph.dense[1:]) and all(isinstance(step, Move) for step in moves)
    names = tuple(graph.prunable)
    if not plain or len(names) < len(graph.segments):
        return None
    return Perceptron(
        names,
        tuple(parameters[f"{name}.weight"] for name in names),
        tuple(parameters.get(f"{name}.bias") for name in names),
        tuple(layer.slope for layer in net.relu_layers),
        tuple(step for step in moves if isinstance(step, Move)),
    )
