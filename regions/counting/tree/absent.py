"""Coordinates that a unit does not depend on, for want of weights: known without arithmetic."""

from __future__ import annotations

import numpy as np

from regions.counting.tree.frame import Frame

_BITS = 50  # coordinates whose absence fits into a float64
_TINY = 1e-100  # products of smaller weights could vanish


def absent(frame: Frame) -> list[np.ndarray]:
    """Return, per layer, the coordinates that a unit depends on on no cell, as bits."""
    everything = np.ones((1, sum(layer.size for layer in frame.net.relu_layers)), dtype=bool)
    return [absent_on(frame, layer, everything)[0] for layer in range(len(frame.net.relu_layers))]


def absent_on(frame: Frame, layer: int, active: np.ndarray) -> np.ndarray:
    """Return, for every cell, the coordinates that a layer's units do not depend on, as bits.

    They are followed as zeros and ones through the absolute values of the weights: nothing cancels.
    """
    twin, d, count, first = frame.rounding.twin, frame.dimension, len(active), 0
    sizes = [np.abs(value[value != 0]).min(initial=1.0) for value in twin.parameters.values()]
    if min(sizes, default=1.0) < _TINY:
        return np.zeros((count, twin.relu_layers[layer].size))
    rows = min(d, _BITS)
    state = twin.start(np.tile((frame.columns[:rows] != 0) * 1.0, (count, 1)))
    homogeneous = np.tile(frame.homogeneous[:rows], count)
    for index in range(layer):
        _, state = twin.advance(state, index, homogeneous)
        size = twin.relu_layers[index].size
        slopes = frame.net.slopes(index, active[:, first : first + size]) != 0.0
        state = twin.activate(state, index, np.repeat(slopes * 1.0, rows, axis=0))
        state = state.map(lambda value: (value != 0.0) * 1.0)
        first += size
    values, _ = twin.advance(state, layer, homogeneous)
    dead = values.reshape(count, rows, twin.relu_layers[layer].size) == 0.0
    return np.einsum("k,ckn->cn", np.exp2(np.arange(rows)), dead)
