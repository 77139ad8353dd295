"""A network restricted to a line or plane, laid out flat for the compiled engines."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from regions.counting.plane.layer_kernel import Chain
from regions.networks import Graph, ReLUNetwork, State
from regions.networks.steps import Add, Linear

# Rounding errors are a few hundred times 2.2e-16 of the terms that are added up; a preactivation
# closer to zero than this share of them counts as zero.
TOLERANCE = 1e-12
_BLOCK = 512  # rows of the identity that are pushed through a segment at once
_LARGEST = 20_000_000  # weights of a dense chain, 160 MB


def is_chain(net: ReLUNetwork) -> bool:
    """Tell whether `net` is a plain chain of affine maps, small enough to be written densely."""
    widths = net.widths
    weights = sum(a * b for a, b in pairwise(widths[1:]))
    return not net.graph.has_residuals() and weights <= _LARGEST


def one_layer(units: int, slope: float, first: int, total: int) -> Chain:
    """Return the chain of a single ReLU layer whose maps and bounds are given from outside."""
    return Chain(
        sizes=np.array([units, 0]),
        unit_at=np.array([0, units, units]),
        weight_at=np.zeros(2, np.int64),
        weights=np.zeros(0),
        biases=np.zeros(units),
        bounds=np.zeros(units),
        slopes=np.array([slope]),
        layers=1,
        tolerance=TOLERANCE,
        first=first,
        units=total,
    )


def absolute(net: ReLUNetwork) -> ReLUNetwork:
    """Return the network with the absolute value of every parameter: it adds up magnitudes."""
    graph = net.graph
    if graph.has_residuals():
        steps = (
            replace(step, signs=(1.0,) * len(step.signs)) if isinstance(step, Add) else step
            for step in graph.steps
        )
        graph = Graph(tuple(steps))
    return ReLUNetwork(graph, {name: np.abs(value) for name, value in net.parameters.items()})


def flat_chain(
    net: ReLUNetwork, columns: np.ndarray, homogeneous: np.ndarray
) -> tuple[Chain, np.ndarray]:
    """Return the chain of `net` and the first layer's maps: its preactivations of `columns`.

    Every unit is scaled by a power of two so that its terms add up to about 1 in the first layer
    and its incoming weights have norm about 1 in the others, and its outgoing weights by the
    inverse. The function and its rounding stay the same, and one tolerance fits all units.
    """
    first = net.advance(net.start(columns), 0, homogeneous)[0]
    sizes = absolute(net).advance(net.start(np.abs(columns)), 0, homogeneous)[0].sum(axis=0)
    scale = power_of_two(sizes)
    maps, bounds = first / scale, [sizes / scale]
    weights, biases = [], [np.zeros(len(sizes))]
    layers = len(net.relu_layers)
    for layer in range(1, layers + 1):
        weight, bias = dense_layer(net, layer)
        weight = weight * scale[:, None]
        norms = np.linalg.norm(weight, axis=0)
        # outputs keep their scale
        scale = power_of_two(norms if layer < layers else np.ones_like(norms))
        weights.append(weight / scale)
        biases.append(bias / scale)
        bounds.append(np.abs(biases[-1]))
    widths = np.array(net.widths[1:])
    chain = Chain(
        sizes=widths,
        unit_at=np.concatenate([[0], np.cumsum(widths)]),
        weight_at=np.concatenate([[0], np.cumsum(widths[:-1] * widths[1:])]),
        weights=np.concatenate([weight.ravel() for weight in weights]),
        biases=np.concatenate(biases),
        bounds=np.concatenate(bounds),
        slopes=np.array([layer.slope for layer in net.relu_layers]),
        layers=layers,
        tolerance=TOLERANCE,
        first=0,
        units=int(widths[:-1].sum()),
    )
    return chain, maps


def dense_layer(net: ReLUNetwork, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (n_l, n_{l+1}), inputs first, and bias of linear segment `layer` >= 1."""
    steps, size, relu = net.graph.segments[layer], net.widths[layer], net.graph.relus[layer - 1]
    if len(steps) == 1 and isinstance(steps[0], Linear) and len(relu.shape) == 1:
        weight, bias = net.parameters[f"{steps[0].weight}.weight"], steps[0].offset(net.parameters)
        return weight.T, np.zeros(len(weight)) if bias is None else bias

    def push(rows: np.ndarray, homogeneous: float) -> np.ndarray:
        state = State({relu.name: rows.reshape(-1, *relu.shape)})
        return net.advance(state, layer, homogeneous)[0]

    blocks = (np.eye(min(_BLOCK, size - at), size, k=at) for at in range(0, size, _BLOCK))
    return np.concatenate([push(rows, 0.0) for rows in blocks]), push(np.zeros((1, size)), 1.0)[0]


def power_of_two(norms: np.ndarray) -> np.ndarray:
    """Return the power of two nearest to each norm (1 for zero): scaling by it is exact."""
    return np.exp2(np.round(np.log2(np.where(norms > 0, norms, 1.0))))
