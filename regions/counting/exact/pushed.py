"""Values of all units at points, or affine maps on cells, with bounds of their rounding errors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from regions.counting.exact.rounding import Rounding, grid
from regions.networks import ReLUNetwork

_NO_GRID = -(10**6)


def pushed(
    net: ReLUNetwork,
    rows: np.ndarray,
    errors: np.ndarray,
    homogeneous: np.ndarray | float = 1.0,
    active: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the values of every ReLU layer's units, and at last the outputs, with their bounds.

    Parameters
    ----------
    net : ReLUNetwork
    rows, errors : (rows, n0) arrays
        Points (or directions), and how far each entry can be off.
    homogeneous : float or (rows,) array
        1 for points, 0 for directions.
    active : (rows, hidden units) bool array, optional
        Which units are active; by default those with positive values. A ReLU with slopes of size
        at most 1 never makes an error larger, so a wrong sign within the bound does no harm.

    Yields
    ------
    values, bounds : (rows, units) arrays

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0]], [-0.5]), ([[2.0]], [0.0])])
    >>> [values.tolist() for values, _ in pushed(net, np.array([[2.0]]), np.zeros((1, 1)))]
    [[[1.5]], [[3.0]]]
    """
    rounding = Rounding(net, _NO_GRID if errors.any() else min(grid([rows]), 0))
    state, off, first = net.start(rows), net.start(errors), 0
    constant = np.broadcast_to(np.asarray(homogeneous, dtype=float), len(rows))
    for layer in range(len(net.relu_layers) + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = type(state)(
                {name: np.abs(value) + off.values[name] for name, value in state.values.items()}
            )
            bounds, off = rounding.advance(off, sizes, layer, np.abs(constant))
            values, state = net.advance(state, layer, constant)
        bounds = 1.0001 * bounds
        yield values, bounds
        if layer == len(net.relu_layers):
            return
        relu = net.relu_layers[layer]
        here = values > 0 if active is None else active[:, first : first + relu.size]
        first += relu.size
        # without given activations the unit may be on the other side of its kink
        multiplier = net.slopes(layer, here)
        most = (
            np.abs(multiplier) if active is not None else np.full((1, 1), max(1.0, abs(relu.slope)))
        )
        state = net.activate(state, layer, multiplier)
        off = net.activate(off, layer, np.broadcast_to(most, values.shape))


def maps_on(
    net: ReLUNetwork,
    columns: np.ndarray,
    errors: np.ndarray,
    patterns: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the outputs' affine maps where units are active as `patterns` say, and bounds.

    Parameters
    ----------
    net : ReLUNetwork
    columns, errors : (d + 1, n0) arrays
        Directions and, last, a point; and how far each entry can be off.
    patterns : (cells, hidden units) bool array

    Returns
    -------
    maps, bounds : (cells, (d + 1) * outputs) arrays
    """
    cells, rows = len(patterns), len(columns)
    homogeneous = np.tile(np.append(np.zeros(rows - 1), 1.0), cells)
    around = np.tile(columns, (cells, 1)), np.tile(errors, (cells, 1))
    layers = pushed(net, *around, homogeneous, np.repeat(patterns, rows, axis=0))
    ((values, bounds),) = deque(layers, maxlen=1)
    return values.reshape(cells, -1), bounds.reshape(cells, -1)
