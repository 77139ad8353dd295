"""The graph of regions: two are joined where they share a facet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.counting.checks import check_two_pieces
from regions.counting.effort import Effort
from regions.counting.exact.forms import Form, Forms, Place
from regions.counting.packed import Packed
from regions.counting.question import Question
from regions.counting.tree.attributes import FacetAttributes, RegionAttributes
from regions.counting.tree.enumerate import packed_of, tree_of

if TYPE_CHECKING:
    import networkx as nx

    from regions.networks import Box, Slice

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
    first one, where several change together). Regions are kept side by side and made when they are
    asked for, so that the graph of 600,000 takes less than a gigabyte in three dimensions; further
    attributes can be written, as to any graph.

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
    question = Question.of(net, domain, input_shape=input_shape)
    effort = Effort(None, n_jobs, progress)
    check_two_pieces(question.net, "region_graph")
    tree, root = tree_of(question, effort)
    with effort.bar("regions") as bar:
        found = Packed.joined(_counted(packed_of(question, effort, tree, root), bar))
    tree.undecided.warn("these regions and their facets")
    return _graph_of(found)


def _counted(parts: Iterable[Packed], bar: Any) -> Iterator[Packed]:
    for part in parts:
        bar.update(len(part))
        yield part


def _graph_of(found: Packed) -> nx.Graph:
    """Return the graph of all the regions of a domain.

    Its dictionaries are filled here, with attributes that are thinner than dictionaries: networkx
    itself would put a dictionary of its own around each.
    """
    import networkx as nx

    graph: Any = nx.Graph()
    # a number is one object, however many neighbours have it
    nodes, units = list(range(len(found))), list(range(8 * found.bits.shape[1]))
    near: list[dict[int, FacetAttributes]] = [{} for _ in nodes]
    pairs = neighbours(found)
    for start in range(0, len(pairs), _CHUNK):
        for one, two, unit in zip(*pairs[start : start + _CHUNK].T.tolist(), strict=True):
            near[one][nodes[two]] = near[two][nodes[one]] = FacetAttributes(units[unit])
    graph._node.update((node, RegionAttributes(found, node)) for node in nodes)
    graph._adj.update(zip(nodes, near, strict=True))
    return graph


def neighbours(found: Packed, effort: Effort | None = None) -> np.ndarray:
    """Return two regions that share a facet, and the unit that changes there: (pairs, 3) ints.

    `found` are all the regions of a domain; OutOfTime if time is up.

    Behind a facet lies one region: units whose form there is no multiple of the facet's own keep
    their sides, and the others, which vanish on the facet, are on one side behind it. If a region
    differs from this one in the facet's own unit alone, it is the one.
    """
    inner, effort = found.units >= 0, effort or Effort()
    owner = np.repeat(np.arange(len(found), dtype=np.int32), found.facets)[inner]
    unit, patterns = found.units[inner], _Patterns.of(found)
    other = np.empty_like(owner)
    for start in range(0, len(owner), _CHUNK):
        effort.check()
        part = slice(start, start + _CHUNK)
        other[part] = patterns.across(owner[part], unit[part])
    several = np.flatnonzero(other < 0)  # several units change at once, or none is beyond
    if several.size:
        forms = Forms(found.net, Place.of(found.domain, found.net.input_size))
        for place in several:
            effort.check()
            pattern = found.region(int(owner[place])).pattern
            other[place] = patterns.find(pattern_across(pattern, int(unit[place]), forms))
    there = np.flatnonzero(other >= 0)
    one, two = np.minimum(owner, other)[there], np.maximum(owner, other)[there]
    # most pairs are seen from both sides
    _, first = np.unique(one.astype(np.int64) * len(found) + two, return_index=True)
    there = there[np.sort(first)]
    return np.stack([owner[there], other[there], unit[there]], axis=1)


@dataclass(frozen=True)
class _Patterns:
    """Finds regions by their patterns.

    That is by a number, the exclusive or of one random number per active unit; patterns of equal
    numbers are compared.
    """

    bits: np.ndarray
    random: np.ndarray
    """One number per bit."""
    numbers: np.ndarray
    order: np.ndarray
    """Regions, sorted by their numbers."""
    ordered: np.ndarray

    @classmethod
    def of(cls, found: Packed) -> _Patterns:
        """Return those of all regions found."""
        random = np.random.default_rng(0).integers(2**63, size=8 * found.bits.shape[1])
        numbers = _numbers(found.bits, random)
        order = np.argsort(numbers)
        return cls(found.bits, random, numbers, order, numbers[order])

    def across(self, owner: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return the region that differs from each owner in one unit alone, or -1."""
        bits = self.bits[owner]
        bits[np.arange(len(bits)), unit // 8] ^= (128 >> unit % 8).astype(np.uint8)
        return self._found(bits, self.numbers[owner] ^ self.random[unit])

    def find(self, pattern: np.ndarray) -> int:
        """Return the region with a pattern, or -1."""
        bits = np.packbits(pattern)[None]
        return int(self._found(bits, _numbers(bits, self.random))[0])

    def _found(self, bits: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return the regions with these patterns, whose numbers are given, or -1."""
        found, left = np.full(len(bits), -1), np.arange(len(bits))
        places = np.searchsorted(self.ordered, numbers)
        while left.size:
            at = np.minimum(places[left], len(self.order) - 1)
            left = left[(places[left] < len(self.order)) & (self.ordered[at] == numbers[left])]
            regions = self.order[places[left]]
            same = (self.bits[regions] == bits[left]).all(axis=1)
            found[left[same]] = regions[same]
            left = left[~same]
            places[left] += 1
        return found


def _numbers(bits: np.ndarray, random: np.ndarray) -> np.ndarray:
    """Return the number of every pattern."""
    bytes_ = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(bool)
    numbers = np.zeros(len(bits), dtype=np.int64)
    for column, own in zip(bits.T, random.reshape(-1, 8), strict=True):
        numbers ^= np.bitwise_xor.reduce(np.where(bytes_, own, 0), axis=1)[column]
    return numbers


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
