"""The graph of regions: two are joined where they share a facet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linprog

from regions.counting.region import Region
from regions.counting.tree.enumerate import enumerate_regions
from regions.networks import Box, ReLUNetwork, Slice, as_network

if TYPE_CHECKING:
    import networkx as nx


def region_graph(net: Any, domain: Box | Slice | None = None, progress: bool = False) -> nx.Graph:
    """Return the graph of the activation regions of `net` over `domain`.

    Nodes are numbered from 0 and hold their `Region` as ``graph.nodes[i]["region"]``; an edge
    joins two regions that share a facet, and holds the unit that changes there as ``unit``.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    domain : Box, Slice or None
        None is all of the input space.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> graph = regions.region_graph(net, regions.Box.cube(2, -1.0, 1.0))
    >>> len(graph), graph.number_of_edges()
    (4, 4)
    """
    network = net if isinstance(net, ReLUNetwork) else as_network(net)
    return graph_of(list(enumerate_regions(network, domain, progress=progress)), domain)


def graph_of(found: list[Region], domain: Box | Slice | None) -> nx.Graph:
    """Return the graph of `found`, all the regions of `domain`."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from((i, {"region": region}) for i, region in enumerate(found))
    numbers = {region.pattern.tobytes(): i for i, region in enumerate(found)}
    for i, region in enumerate(found):
        for other, unit in _neighbours(region, numbers, domain):
            if other != i:
                graph.add_edge(i, other, unit=unit)
    return graph


def _neighbours(
    region: Region, numbers: dict[bytes, int], domain: Box | Slice | None
) -> Iterator[tuple[int, int]]:
    """Yield the neighbour across each facet and the unit that changes there."""
    for facet in np.flatnonzero(region.units >= 0):
        unit = int(region.units[facet])
        pattern = region.pattern.copy()
        pattern[unit] = not pattern[unit]
        other = numbers.get(pattern.tobytes())
        if other is None:  # several units change at once: look across the facet
            other = numbers.get(_pattern_across(region, int(facet), domain).tobytes())
        if other is not None:
            yield other, unit


def _pattern_across(region: Region, facet: int, domain: Box | Slice | None) -> np.ndarray:
    """Return the pattern just behind an inner point of a facet."""
    normals, offsets = region.normals, region.offsets
    size = np.linalg.norm(normals, axis=1)
    others, d = np.arange(len(normals)) != facet, normals.shape[1]
    found = linprog(
        np.append(np.zeros(d), -1.0),
        np.column_stack([-normals[others], size[others]]),
        offsets[others],
        np.append(normals[facet], 0.0)[None],
        [-offsets[facet]],
        bounds=[(None, None)] * d + [(0.0, 1.0)],
    )
    if found.status != 0:
        return region.pattern
    # a small part of the room beside the facet's other sides, so that no other region is met
    behind = found.x[:d] - 1e-6 * found.x[-1] * normals[facet] / size[facet]
    return region.network.pattern(behind[None] if domain is None else domain.embed(behind[None]))[0]
