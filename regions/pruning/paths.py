"""Input-to-output paths through a chain of layers, given the kept weights as (row, column) pairs.

In a chain, layer l maps the units of layer l-1 (its columns) to its own units (its rows). A unit is
*fed* if a path of kept weights leads to it from an input, *feeding* if one leads from it to an
output. A kept weight is *effective* if its column is fed and its row is feeding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Edges(NamedTuple):
    """The kept weights of one layer: weight i joins column `cols[i]` to row `rows[i]`."""

    rows: np.ndarray
    cols: np.ndarray
    shape: tuple[int, int]


def edges_of(mask: np.ndarray) -> Edges:
    """Return the kept weights of a two-dimensional boolean mask."""
    rows, cols = np.nonzero(mask)
    return Edges(rows, cols, (mask.shape[0], mask.shape[1]))


def fed_units(layers: Sequence[Edges]) -> list[np.ndarray]:
    """Return boolean arrays for the inputs (all true) and the units of every layer."""
    fed = [np.ones(layers[0].shape[1], dtype=bool)]
    for layer in layers:
        reached = np.zeros(layer.shape[0], dtype=bool)
        reached[layer.rows[fed[-1][layer.cols]]] = True
        fed.append(reached)
    return fed


def feeding_units(layers: Sequence[Edges]) -> list[np.ndarray]:
    """Return boolean arrays for the inputs and the units of every layer (outputs all true)."""
    feeding = [np.ones(layers[-1].shape[0], dtype=bool)]
    for layer in reversed(layers):
        reached = np.zeros(layer.shape[1], dtype=bool)
        reached[layer.cols[feeding[-1][layer.rows]]] = True
        feeding.append(reached)
    return feeding[::-1]


def effective_edges(layers: Sequence[Edges]) -> list[np.ndarray]:
    """Return one boolean array per layer: which of its kept weights are effective."""
    fed, feeding = fed_units(layers), feeding_units(layers)
    return [
        fed[index][layer.cols] & feeding[index + 1][layer.rows]
        for index, layer in enumerate(layers)
    ]


def chain_effective(masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the effective weights of two-dimensional masks that form a chain in their order."""
    layers = [edges_of(mask) for mask in masks.values()]
    arrays = {name: np.zeros(mask.shape, dtype=bool) for name, mask in masks.items()}
    for layer, alive, array in zip(layers, effective_edges(layers), arrays.values(), strict=True):
        array[layer.rows[alive], layer.cols[alive]] = True
    return arrays
