"""A ReLU network as one small frozen value: a graph of steps and its parameters in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.networks.graph import Graph
from regions.networks.layers import Layer, affine_layers
from regions.networks.steps import Add, Shape, Step
from regions.results import Frozen


@dataclass(frozen=True)
class ReluLayer:
    """One layer of hidden units: its name, shape and negative slope (0 for ReLU)."""

    name: str
    shape: Shape
    slope: float

    @property
    def size(self) -> int:
        """Number of units."""
        return prod(self.shape)


@dataclass(frozen=True)
class State:
    """Values alive between two ReLU layers, each of shape (rows, *shape of its step).

    Examples
    --------
    >>> import numpy as np
    >>> State({"layer1": np.array([[1.0, 2.0], [3.0, 4.0]])}).map(lambda rows: rows[:1]).values
    {'layer1': array([[1., 2.]])}
    """

    values: Mapping[str, Any]

    def map(self, function: Callable[[Any], Any]) -> State:
        """Return the state with `function` applied to every array (to take or mix rows)."""
        return State({name: function(value) for name, value in self.values.items()})


@dataclass(frozen=True)
class ReLUNetwork(Frozen):
    """A piecewise-linear network: every unit is a ReLU (or LeakyReLU), all else is affine.

    Made by `as_network`. Calling it evaluates a batch in float64.

    Attributes
    ----------
    graph : Graph
        The wiring.
    parameters : mapping
        Read-only float64 arrays: ``"fc1.weight"``, ``"fc1.bias"``, and the factors and offsets of
        folded BatchNorm layers and constants.
    left_off : str or None
        The final softmax, log-softmax or sigmoid that ``output="logits"`` left off.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, -1.0]], [0.0]), ([[2.0]], [1.0])])
    >>> net.widths, net([[3.0, 1.0], [1.0, 3.0]]).tolist()
    ((2, 1, 1), [[5.0], [1.0]])
    """

    graph: Graph
    parameters: Mapping[str, np.ndarray]
    left_off: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            if not np.isfinite(value).all():
                bad = int(np.size(value) - np.isfinite(value).sum())
                raise ArgumentError(
                    f"parameter {name!r} holds {bad} NaN or infinite value(s) of {value.size}; "
                    "regions need finite weights: retrain or repair the model first"
                )
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def input_shape(self) -> Shape:
        """Shape of one input."""
        return self.graph.input_shape

    @property
    def input_size(self) -> int:
        """Number of inputs n0."""
        return prod(self.input_shape)

    @property
    def output_shape(self) -> Shape:
        """Shape of one output."""
        return self.graph.output_shape

    @cached_property
    def relu_layers(self) -> tuple[ReluLayer, ...]:
        """The ReLU layers in the order in which they are computed."""
        pairs = zip(self.graph.relu_names, self.graph.relus, strict=True)
        return tuple(ReluLayer(name, relu.shape, relu.slope) for name, relu in pairs)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """(n0, units of every ReLU layer, outputs)."""
        hidden = (layer.size for layer in self.relu_layers)
        return (self.input_size, *hidden, prod(self.output_shape))

    @property
    def prunable(self) -> Mapping[str, Shape]:
        """Weight shape of every Linear and Conv by module name; biases never count."""
        return self.graph.prunable

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Weight of every prunable module by name."""
        return {name: self.parameters[f"{name}.weight"] for name in self.prunable}

    def masked(self, masks: Mapping[str, np.ndarray]) -> ReLUNetwork:
        """Return the network with each named weight multiplied by its mask."""
        changed = dict(self.parameters)
        for name, mask in masks.items():
            shape = self.prunable.get(name)
            if shape is None or np.shape(mask) != shape:
                raise ArgumentError(
                    f"mask {name!r} has shape {np.shape(mask)}, but the network's prunable "
                    f"weights are {dict(self.prunable)}; use these names and shapes"
                )
            changed[f"{name}.weight"] = self.parameters[f"{name}.weight"] * mask
        return replace(self, parameters=changed)

    def layers(self) -> tuple[Layer, ...]:
        """Return the chain form: one sparse affine map per ReLU layer, and one for the output."""
        return affine_layers(self.graph, self.parameters)

    def start(self, points: np.ndarray) -> State:
        """Return the state at `points`, of shape (rows, *input_shape) or (rows, n0)."""
        points = np.asarray(points, dtype=np.float64)
        if points.ndim < 1 or points.shape[1:] not in (self.input_shape, (self.input_size,)):
            raise ArgumentError(
                f"points have shape {points.shape}; expected (rows, *{self.input_shape}) or "
                f"(rows, {self.input_size})"
            )
        return State({"input": points.reshape(len(points), *self.input_shape)})

    def advance(
        self, state: State, layer: int, homogeneous: float | np.ndarray = 1.0
    ) -> tuple[np.ndarray, State]:
        """Push `state` through linear segment `layer` and return what comes out.

        Parameters
        ----------
        state : State
            From `start` (for layer 0) or `activate`.
        layer : int
            0 for the segment before the first ReLU layer, ..., L for the one that gives outputs.
        homogeneous : float or array of shape (rows,)
            1 for rows that are points, 0 for rows that are directions (no biases).

        Returns
        -------
        preactivations : array of shape (rows, units), or (rows, outputs) for the last segment
        state : State
            What `activate` needs next.
        """
        graph = self.graph

        def push(step: Step, inputs: list[Any]) -> Any:
            return step.push(inputs, self.parameters, homogeneous)

        values = graph.run(state.values, push, graph.segments[layer])
        out = values[graph.ends[layer]]
        return out.reshape(len(out), -1), State(values)

    def activate(self, state: State, layer: int, multiplier: np.ndarray) -> State:
        """Return the state after ReLU layer `layer`, given each unit's slope in each row.

        `multiplier` has shape (rows, units) or broadcasts to it: 1 where the unit is active, the
        layer's slope (0 for ReLU) where it is not.
        """
        relu = self.graph.relus[layer]
        factor = np.reshape(multiplier, (-1, *relu.shape))
        return State(self.graph.run(state.values, lambda _, inputs: inputs[0] * factor, (relu,)))

    def slopes(self, layer: int, active: np.ndarray) -> np.ndarray:
        """Return the multiplier of `activate` for boolean activations."""
        return np.where(active, 1.0, self.graph.relus[layer].slope)

    def _run(self, points: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        state, patterns = self.start(points), []
        for layer in range(len(self.graph.relus)):
            preactivations, state = self.advance(state, layer)
            patterns.append(preactivations > 0)
            state = self.activate(state, layer, self.slopes(layer, patterns[-1]))
        return self.advance(state, len(patterns))[0], patterns

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the outputs at `points` in float64, of shape (rows, *output_shape)."""
        out, _ = self._run(points)
        return out.reshape(len(out), *self.output_shape)

    def pattern(self, points: np.ndarray) -> np.ndarray:
        """Return the activation pattern of every hidden unit at `points`: bool (rows, units)."""
        _, patterns = self._run(points)
        return np.hstack(patterns) if patterns else np.zeros((len(points), 0), dtype=bool)

    def __repr__(self) -> str:
        layers = ", ".join(f"{layer.name}: {layer.size}" for layer in self.relu_layers)
        rest = f", without its final {self.left_off}" if self.left_off else ""
        return f"ReLUNetwork({self.input_shape} -> [{layers}] -> {self.output_shape}{rest})"


def absolute(net: ReLUNetwork) -> ReLUNetwork:
    """Return the network with the absolute value of every parameter: it adds up magnitudes."""
    steps = (
        replace(step, signs=tuple(map(abs, step.signs))) if isinstance(step, Add) else step
        for step in net.graph.steps
    )
    return ReLUNetwork(Graph(tuple(steps)), magnitudes(net))


def magnitudes(net: ReLUNetwork) -> dict[str, np.ndarray]:
    """Return the absolute values of all parameters."""
    return {name: np.abs(value) for name, value in net.parameters.items()}
