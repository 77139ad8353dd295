"""How many paths of kept weights lead through a network that share no unit: a maximum flow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import maximum_flow

from regions.pruning.methods.unit_graph import UnitGraph, Wires

_ANY = 2**20


def count_disjoint_paths(units: UnitGraph, masks: Mapping[str, np.ndarray]) -> int:
    """Return the largest number of paths from input to output that meet in no unit.

    Inputs and outputs may be shared, and so may junctions: a path may pass a sum that another one
    passes, if they read different units before it and feed different ones behind it. Layers
    without a mask are whole. By Menger's theorem this is the least number of units that cut all
    paths; every unit is one arc of capacity 1 in a network flow.

    Examples
    --------
    >>> import numpy as np, regions
    >>> from regions.pruning.methods.unit_graph import unit_graph
    >>> net = regions.as_network([(np.ones((3, 2)), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))])
    >>> one = np.array([[True, False], [False, True], [False, False]])
    >>> count_disjoint_paths(unit_graph(net.graph), {"layer1": one})
    2
    """
    size = len(units.is_unit)
    # node n takes what comes in at n, and gives it on at size + n
    source, sink = 2 * size, 2 * size + 1
    capacity = np.where(units.is_unit, 1, _ANY)
    capacity[units.outputs] = _ANY
    arcs = [(np.arange(size), size + np.arange(size), capacity)]
    free = [
        (np.full(len(units.inputs), source), units.inputs),
        (size + units.outputs, np.full(len(units.outputs), sink)),
        (size + units.edges[0], units.edges[1]),
    ]
    hub = sink + 1
    for wires in units.wires:
        if wires.module in masks:
            tails, heads = kept_pairs(wires, masks[wires.module])
            free.append((size + tails, heads))
        else:  # whole: all of a group meets in a node of its own
            for below, above in zip(wires.reads, _by_group(wires), strict=True):
                tails = np.unique(below[below >= 0])
                free += [
                    (size + tails, np.full(len(tails), hub)),
                    (np.full(len(above), hub), above),
                ]
                hub += 1
    arcs += [(tails, heads, np.full(len(tails), _ANY)) for tails, heads in free]
    tails, heads, room = (np.concatenate(parts) for parts in zip(*arcs, strict=True))
    flow = sparse.csr_array((room.astype(np.int32), (tails, heads)), shape=(hub, hub))
    return int(maximum_flow(flow, source, sink).flow_value)


def kept_pairs(wires: Wires, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of nodes (below, above) that the kept weights of a layer join."""
    rows, columns = np.nonzero(mask.reshape(len(wires.writes), -1))
    groups = rows * len(wires.reads) // len(wires.writes)
    pairs = np.stack([wires.reads[groups, columns], wires.writes[rows]], axis=1)
    return tuple(np.unique(pairs[pairs[:, 0] >= 0], axis=0).T)


def _by_group(wires: Wires) -> np.ndarray:
    return wires.writes.reshape(len(wires.reads), -1)
