"""Which kept weights and units lie on a path from an input to an output.

In a chain, layer l maps the units of layer l-1 (its columns) to its own units (its rows). A unit is
*fed* if a path of kept weights leads to it from an input, *feeding* if one leads from it to an
output. A kept weight is *effective* if its column is fed and its row is feeding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from regions.errors import UnsupportedModelError
from regions.networks import Graph, liveness
from regions.networks.liveness import choose_in_turn

Arrays = Mapping[str, np.ndarray]


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


class OnPaths(NamedTuple):
    """What lies on a path.

    Attributes
    ----------
    weights : mapping of str to array
        Effective weights of each layer, of the mask's shape.
    units : mapping of str to array
        Effective units of each hidden layer, by the name of the layer that feeds it.
    inputs : array
        Inputs with a path to an output.
    """

    weights: Arrays
    units: Arrays
    inputs: np.ndarray


def on_paths(masks: Arrays, graph: Graph | None, note: str) -> OnPaths:
    """Return what lies on a path; without a graph or a reason why not, the layers are a chain."""
    if graph is not None and not graph.is_perceptron:
        live = liveness(graph, masks)
        units = {name: live.units(name) for name in graph.relu_names}
        return OnPaths(dict(live.effective), units, live.feeding[graph.steps[0].name])
    _check_chain(masks, note)
    layers = [edges_of(mask) for mask in masks.values()]
    fed, feeding = fed_units(layers), feeding_units(layers)
    both = zip(list(masks)[:-1], fed[1:-1], feeding[1:-1], strict=True)
    return OnPaths(chain_effective(masks), {name: one & two for name, one, two in both}, feeding[0])


def _check_chain(masks: Arrays, note: str) -> None:
    shapes = {name: mask.shape for name, mask in masks.items()}
    pairs = pairwise(shapes.values())
    fits = all(len(shape) == 2 for shape in shapes.values()) and all(a[0] == b[1] for a, b in pairs)
    if note or not fits:
        reason = note or f"the layers {shapes} are no chain of matrices"
        raise UnsupportedModelError(
            f"these masks have no wiring, so paths cannot be followed: {reason}; make them by "
            "regions.prune or Masks.from_model, with input_shape if the model needs it"
        )


def follower(graph: Graph | None) -> Callable[[Arrays], Arrays]:
    """Return the quickest function from masks to their effective weights over `graph`."""
    if graph is None or graph.is_perceptron:
        return chain_effective
    return lambda masks: liveness(graph, masks).effective


def sweeper(graph: Graph | None) -> Callable[..., dict[str, np.ndarray]] | None:
    """Return `choose_in_turn` over `graph`, or None where `follower` is all there is."""
    if graph is None or graph.is_perceptron:
        return None
    used = [step.module for step in graph.steps if step.module is not None]
    return partial(choose_in_turn, graph) if len(set(used)) == len(used) else None


def chain_effective(masks: Arrays) -> dict[str, np.ndarray]:
    """Return the effective weights of two-dimensional masks that form a chain in their order."""
    layers = [edges_of(mask) for mask in masks.values()]
    arrays = {name: np.zeros(mask.shape, dtype=bool) for name, mask in masks.items()}
    for layer, alive, array in zip(layers, effective_edges(layers), arrays.values(), strict=True):
        array[layer.rows[alive], layer.cols[alive]] = True
    return arrays
