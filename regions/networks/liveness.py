"""Which units and weights can matter: those on a path of kept weights from input to output.

A unit is *fed* if some path of kept weights reaches it from an input, and *feeding* if some such
path leads from it to an output; it is effective if both hold. A weight is effective if it is kept
and leads from a fed unit to a feeding one. Everything else can be removed without any change of
the function but a constant: "effective sparsity", Vysogorets and Kempe, JMLR 24(99), 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.choices import meant
from regions.errors import ArgumentError
from regions.networks.graph import Graph
from regions.networks.steps import Step

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Liveness:
    """Fed and feeding units of every step, and the effective weights.

    Attributes
    ----------
    fed, feeding : mapping step name -> boolean array of the step's shape
        ReLU layers are also found under their layer names (`ReLUNetwork.relu_layers`).
    effective : mapping module name -> boolean array of the weight's shape

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([(np.ones((2, 3)), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> alive = liveness(net.graph, {"layer1": np.array([[1, 0, 1], [0, 0, 0]], dtype=bool)})
    >>> alive.units("layer1").tolist()
    [True, False]
    """

    fed: Mapping[str, np.ndarray]
    feeding: Mapping[str, np.ndarray]
    effective: Mapping[str, np.ndarray]

    def units(self, layer: str) -> np.ndarray:
        """Return which units of a ReLU layer are effective."""
        return self.fed[layer] & self.feeding[layer]


def liveness(graph: Graph, masks: Mapping[str, np.ndarray]) -> Liveness:
    """Return which units and weights lie on a path of kept weights from input to output.

    Parameters
    ----------
    graph : Graph
        `ReLUNetwork.graph`.
    masks : mapping module name -> boolean array of the weight's shape
        Modules that are not named keep all their weights.

    Notes
    -----
    One pass forward and one back over the wiring, on indicators instead of values; position by
    position in convolutions. Cost: about that of one sample forward and backward.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.ones((2, 3)), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> masks = {"layer1": np.array([[1, 0, 1], [0, 0, 0]], dtype=bool)}
    >>> alive = liveness(net.graph, masks)
    >>> alive.effective["output"].tolist()
    [[True, False]]
    """
    import torch

    kept = _kept_weights(graph, masks)
    with torch.no_grad():
        fed = _feed_forward(graph, kept)
    feeding, effective = _feed_back(graph, kept, fed)
    layer_of = dict(zip((relu.name for relu in graph.relus), graph.relu_names, strict=True))
    return Liveness(
        fed=_named(fed, layer_of),
        feeding=_named(feeding, layer_of),
        effective={name: value.numpy() for name, value in effective.items()},
    )


def choose_in_turn(
    graph: Graph,
    masks: Mapping[str, np.ndarray],
    choose: Callable[[str, np.ndarray], np.ndarray],
) -> dict[str, np.ndarray]:
    """Return masks of weights that are chosen layer by layer, from the input on.

    Parameters
    ----------
    graph : Graph
        No weight of it may be used in several places.
    masks : mapping module name -> boolean array of the weight's shape
        The weights that may be kept.
    choose : function of a name and a boolean array
        Returns the mask of one layer, given the weights that lie on a path of those chosen before
        and of all that `masks` has behind them.

    Notes
    -----
    The cost is that of two calls of `liveness`, however many layers there are.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.ones((2, 3)), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> whole = {name: np.ones(shape, dtype=bool) for name, shape in net.prunable.items()}
    >>> keep = {"layer1": np.array([[1, 0, 1], [0, 0, 0]], dtype=bool)}
    >>> choose_in_turn(net.graph, whole, lambda name, found: found & keep.get(name, True))["output"]
    array([[ True, False]])
    """
    import torch

    kept, chosen = _kept_weights(graph, masks), dict(masks)
    with torch.no_grad():
        fed = _feed_forward(graph, kept)
    feeding, _ = _feed_back(graph, kept, fed)

    def feed(step: Step, inputs: list[Any]) -> torch.Tensor:
        name = step.module
        if name in chosen:
            _, pulled = _pulled(step, inputs, kept, feeding[step.name])
            candidates = (pulled > 0) & (kept[f"{name}.weight"] > 0)
            chosen[name] = choose(name, candidates.numpy())
            kept[f"{name}.weight"] = torch.from_numpy(chosen[name].astype(np.float32))
        with torch.no_grad():
            return (step.sizes(inputs, kept) > 0).float()

    graph.run({graph.steps[0].name: torch.ones(1, *graph.input_shape)}, feed)
    return chosen


def _kept_weights(graph: Graph, masks: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    import torch

    unknown = sorted(set(masks) - set(graph.prunable))
    if unknown:
        raise ArgumentError(
            f"no prunable module is called {unknown}; there are {[*graph.prunable]}"
            f"{meant(unknown, [*graph.prunable])}"
        )
    kept = {}
    for name, shape in graph.weighted.items():
        mask = np.asarray(masks[name]) if name in masks else np.ones(shape)
        if mask.shape != shape:
            raise ArgumentError(f"mask {name!r} has shape {mask.shape}; its weight has {shape}")
        kept[f"{name}.weight"] = torch.from_numpy((mask != 0).astype(np.float32))
    return kept


def _feed_forward(graph: Graph, kept: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    import torch

    def feed(step: Step, inputs: list[Any]) -> torch.Tensor:
        return (step.sizes(inputs, kept) > 0).float()

    return graph.run({graph.steps[0].name: torch.ones(1, *graph.input_shape)}, feed, keep=True)


def _feed_back(
    graph: Graph, kept: Mapping[str, Any], fed: Mapping[str, Any]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    import torch

    feeding = {step.name: torch.zeros(1, *step.shape) for step in graph.steps}
    feeding[graph.steps[-1].name] += 1.0
    effective = {
        name: torch.zeros(shape, dtype=torch.bool) for name, shape in graph.prunable.items()
    }
    for step in reversed(graph.steps[1:]):
        values = [fed[source] for source in step.inputs]
        pulled, to_weight = _pulled(step, values, kept, feeding[step.name])
        for source, gradient in zip(step.inputs, pulled, strict=True):
            if gradient is not None:
                feeding[source] = torch.maximum(feeding[source], (gradient > 0).float())
        if to_weight is not None and step.module in effective:
            effective[step.module] |= (to_weight > 0) & (kept[f"{step.module}.weight"] > 0)
    return feeding, effective


def _pulled(
    step: Step, values: list[Any], kept: Mapping[str, Any], feeding: Any
) -> tuple[list[Any], Any]:
    """Pull "feeding" back over a step, to what it reads and to its weight, if it has one."""
    import torch

    values = [value.clone().requires_grad_() for value in values]
    key = f"{step.module}.weight"
    weights = [kept[key].clone().requires_grad_()] if step.module else []
    with torch.enable_grad():
        out = step.sizes(values, {**kept, key: weights[0]} if weights else kept)
        pulled = torch.autograd.grad(out, [*values, *weights], feeding, allow_unused=True)
    return [*pulled[: len(values)]], pulled[-1] if weights else None


def _named(
    values: Mapping[str, torch.Tensor], layer_of: Mapping[str, str]
) -> dict[str, np.ndarray]:
    arrays = {name: (value[0] > 0).numpy() for name, value in values.items()}
    return arrays | {layer: arrays[step] for step, layer in layer_of.items()}
