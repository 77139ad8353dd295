"""The graph of regions: two are joined where they share a facet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.counting.effort import Effort
from regions.counting.exact.forms import Form, Forms, Place
from regions.counting.region import Region
from regions.counting.tree.enumerate import enumerate_regions
from regions.networks import Box, Slice, as_domain, as_network

if TYPE_CHECKING:
    import networkx as nx


def region_graph(
    net: Any,
    domain: Box | Slice | tuple[Any, Any] | None = None,
    progress: bool = False,
    input_shape: Sequence[int] | None = None,
) -> nx.Graph:
    """Return the graph of the activation regions of `net` over `domain`.

    Nodes are numbered from 0 and hold their `Region` as ``graph.nodes[i]["region"]``; an edge
    joins two regions that share a facet, and holds the unit that changes there as ``unit`` (the
    first one, where several change together).

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    domain : Box, Slice, pair (low, high) or None
        None is all of the input space.
    progress : bool
        Show a bar on stderr.
    input_shape : sequence of int, optional
        Shape of one input, for models that start with a convolution.

    Warns
    -----
    UncertifiedWarning
        As `enumerate_regions`.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> graph = regions.region_graph(net, regions.Box.cube(2, -1.0, 1.0))
    >>> len(graph), graph.number_of_edges()
    (4, 4)
    """
    network = as_network(net, input_shape)
    where = as_domain(domain, network.input_size)
    return graph_of(list(enumerate_regions(network, where, progress=progress)), where)


def graph_of(
    found: list[Region], domain: Box | Slice | None, effort: Effort | None = None
) -> nx.Graph:
    """Return the graph of `found`, all the regions of `domain`; OutOfTime if time is up."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from((i, {"region": region}) for i, region in enumerate(found))
    numbers = {region.pattern.tobytes(): i for i, region in enumerate(found)}
    if found:
        net = found[0].network
        forms = Forms(net, Place.of(domain, net.input_size))
        for i, region in enumerate(found):
            if effort is not None:
                effort.check()
            for other, unit in _neighbours(region, numbers, forms):
                if not graph.has_edge(i, other):
                    graph.add_edge(i, other, unit=unit)
    return graph


def _neighbours(
    region: Region, numbers: dict[bytes, int], forms: Forms
) -> Iterator[tuple[int, int]]:
    """Yield the neighbour across each facet and the unit that changes there.

    Behind a facet lies one region: units whose form there is no multiple of the facet's own keep
    their sides, and the others, which vanish on the facet, are on one side behind it. If a region
    differs from this one in the facet's own unit alone, it is the one.
    """
    for facet in np.flatnonzero(region.units >= 0):
        unit = int(region.units[facet])
        pattern = region.pattern.copy()
        pattern[unit] = not pattern[unit]
        other = numbers.get(pattern.tobytes())
        if other is None:  # several units change at once
            other = numbers.get(pattern_across(region.pattern, unit, forms).tobytes())
        if other is not None:
            yield other, unit


def pattern_across(pattern: np.ndarray, unit: int, forms: Forms) -> np.ndarray:
    """Return the pattern behind the facet that a hidden unit makes of a region, exactly.

    Parameters
    ----------
    pattern : (hidden units,) bool array
    unit : int
    forms : Forms

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([([[1.0], [-2.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> forms = Forms(net, Place.of(None, 1))
    >>> pattern_across(np.array([True, False]), 0, forms).tolist()
    [False, True]
    """
    own = forms.unit(unit, pattern)
    facet = own if pattern[unit] else _negative(own)
    across = pattern.copy()
    for layer, first in enumerate(forms.first[:-1]):
        here = forms.units(layer, pattern)
        vanish = [i for i, form in enumerate(here) if not any(form) or _parallel(form, facet)]
        if not vanish:
            continue
        # beyond the facet its form is negative
        behind = forms.units(layer, across, np.array(vanish))
        across[first + np.array(vanish)] = [form == _negative(facet) for form in behind]
    return across


def _parallel(form: Form, facet: Form) -> bool:
    return form in (facet, _negative(facet))


def _negative(form: Form) -> Form:
    return tuple(-number for number in form)
