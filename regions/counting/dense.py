"""Linear segments of a chain of layers as dense matrices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from regions.counting.exact.rounding import UNIT, roundings
from regions.networks import ReLUNetwork, State
from regions.networks.network import absolute
from regions.networks.steps import Linear, Step

_BLOCK = 512  # rows of the identity that are pushed through a segment at once
_LARGEST = 20_000_000  # weights of a dense chain, 160 MB


def is_dense(net: ReLUNetwork) -> bool:
    """Tell whether `net` is a plain chain of affine maps, small enough to be written densely."""
    widths = net.widths
    weights = sum(a * b for a, b in pairwise(widths[1:]))
    return net.graph.is_chain and weights <= _LARGEST


def dense_layer(
    net: ReLUNetwork, layer: int, tick: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return weights (n_l, n_{l+1}), inputs first, and bias of linear segment `layer` >= 1.

    And bounds of their errors: norms over the inputs of each unit's weights, and of the biases.
    They are not zero where a segment has several steps and its weights are their products.
    """
    steps, size, relu = net.graph.segments[layer], net.widths[layer], net.graph.relus[layer - 1]
    none = np.zeros(net.widths[layer + 1])
    if len(steps) == 1 and isinstance(steps[0], Linear) and len(relu.shape) == 1:
        weight, bias = net.parameters[f"{steps[0].weight}.weight"], steps[0].offset(net.parameters)
        return weight.T, none if bias is None else bias, none, none
    weight, bias = _pushed(net, layer, size, relu, tick)
    if sum(step.kind != "move" for step in steps) == 1 and steps[0].kind != "avgpool":
        return weight, bias, none, none
    gamma = 1.01 * (2 + sum(map(roundings, steps))) * UNIT
    most, offset = _pushed(absolute(net), layer, size, relu, tick)
    return weight, bias, gamma * np.linalg.norm(most, axis=0), gamma * offset


def _pushed(
    net: ReLUNetwork, layer: int, size: int, relu: Step, tick: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    def push(rows: np.ndarray, homogeneous: float) -> np.ndarray:
        tick()
        state = State({relu.name: rows.reshape(-1, *relu.shape)})
        return net.advance(state, layer, homogeneous)[0]

    blocks = (np.eye(min(_BLOCK, size - at), size, k=at) for at in range(0, size, _BLOCK))
    return np.concatenate([push(rows, 0.0) for rows in blocks]), push(np.zeros((1, size)), 1.0)[0]
