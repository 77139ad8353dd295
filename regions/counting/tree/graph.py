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

_CHUNK = 2**16  # facets compared at once


def region_graph(
    net: Any,
    domain: Box | Slice | tuple[Any, Any] | None = None,
    progress: bool = False,
    *,
    n_jobs: int | None = None,
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
    n_jobs : int, optional
        Workers that look for regions, as for `enumerate_regions`; their order is then not fixed.
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
    found = enumerate_regions(network, where, n_jobs=n_jobs, progress=progress)
    return graph_of(list(found), where)


def graph_of(
    found: list[Region], domain: Box | Slice | None, effort: Effort | None = None
) -> nx.Graph:
    """Return the graph of `found`, all the regions of `domain`; OutOfTime if time is up."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from((i, {"region": region}) for i, region in enumerate(found))
    if found and found[0].pattern.size:
        graph.add_edges_from(_edges(found, domain, effort))
    return graph


def _edges(
    found: list[Region], domain: Box | Slice | None, effort: Effort | None
) -> Iterator[tuple[int, int, dict[str, int]]]:
    """Yield two regions that share a facet, and the unit that changes there, once for each two.

    Behind a facet lies one region: units whose form there is no multiple of the facet's own keep
    their sides, and the others, which vanish on the facet, are on one side behind it. If a region
    differs from this one in the facet's own unit alone, it is the one.
    """
    inner = [region.units >= 0 for region in found]
    owner = np.repeat(np.arange(len(found)), [np.count_nonzero(part) for part in inner])
    unit = np.concatenate([r.units[part] for r, part in zip(found, inner, strict=True)])
    other = _across(found, owner, unit)
    several = np.flatnonzero(other < 0)  # several units change at once, or none is beyond
    if several.size:
        numbers = {region.pattern.tobytes(): i for i, region in enumerate(found)}
        net = found[0].network
        forms = Forms(net, Place.of(domain, net.input_size))
        for place in several:
            if effort is not None:
                effort.check()
            beyond = pattern_across(found[owner[place]].pattern, int(unit[place]), forms)
            other[place] = numbers.get(beyond.tobytes(), -1)
    there = np.flatnonzero(other >= 0)
    one, two = np.minimum(owner, other)[there], np.maximum(owner, other)[there]
    _, first = np.unique(one * len(found) + two, return_index=True)
    for place in there[np.sort(first)]:
        yield int(owner[place]), int(other[place]), {"unit": int(unit[place])}


def _across(found: list[Region], owner: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return the region that differs from each owner in one unit alone, or -1.

    Patterns are found by a number, the exclusive or of one random number per active unit, and then
    compared.
    """
    random = np.random.default_rng(0).integers(2**63, size=found[0].pattern.size)
    packed = np.stack([np.packbits(region.pattern) for region in found])
    number = np.array([np.bitwise_xor.reduce(random[region.pattern]) for region in found])
    order = np.argsort(number)
    wanted = number[owner] ^ random[unit]
    places = np.searchsorted(number[order], wanted)
    other = order[np.minimum(places, len(found) - 1)]
    for start in range(0, len(owner), _CHUNK):
        part = slice(start, start + _CHUNK)
        change = packed[owner[part]] ^ packed[other[part]]
        bits = 128 >> unit[part] % 8
        rows = np.arange(len(bits))
        change[rows, unit[part] // 8] ^= bits.astype(np.uint8)
        other[part][change.any(axis=1)] = -1
    return other


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
