"""Edges of polytopes given by their vertices, and the sections that hyperplanes make of them.

A vertex is the facets that it lies on, as bits. Two vertices span an edge if no third one lies on
all the facets they share.
"""

from __future__ import annotations

from regions.counting.tree.bits import ones
from regions.counting.tree.signs import place_of
from regions.kernels import kernel


@kernel()
def _shared(masks, u, v):
    """Return how many facets two vertices share."""
    count = 0
    for w in range(masks.shape[1]):
        count += ones(masks[u, w] & masks[v, w])
    return count


@kernel()
def _alone(masks, nv, u, v):
    """Tell whether no third vertex lies on all facets that `u` and `v` share."""
    for k in range(nv):
        if k == u or k == v:
            continue
        inside = True
        for w in range(masks.shape[1]):
            if masks[u, w] & masks[v, w] & ~masks[k, w]:
                inside = False
                break
        if inside:
            return False
    return True


@kernel()
def edges_of(masks, nv, dimension, edges):
    """List a polytope's edges by their vertices; return their number, -1 if `edges` is short."""
    count = 0
    for u in range(nv):
        # on a simple vertex every dimension - 1 facets span an edge
        simple = _shared(masks, u, u) == dimension
        for v in range(u + 1, nv):
            if _shared(masks, u, v) < dimension - 1:
                continue
            if simple or _alone(masks, nv, u, v):
                if count == edges.shape[0]:
                    return -1
                edges[count, 0], edges[count, 1] = u, v
                count += 1
    return count


@kernel()
def section_of(masks, nv, values, errors, dimension, ends, places, out_masks):
    """List the vertices of the cell's section by a hyperplane: (u, v, share) and their facets.

    The vertex lies at ``u + share * (v - u)``, `places` holds the share and its bound; u == v for
    a vertex of the cell itself. Returns their number, or -1 if `ends` is too short.
    """
    size, words, edge = 0, masks.shape[1], dimension - 1
    for u in range(nv):
        if values[u] < 0:
            continue
        if size + nv > ends.shape[0]:
            return -1
        if values[u] == 0:
            ends[size, 0], ends[size, 1] = u, u
            places[size, 0] = places[size, 1] = 0.0
            for w in range(words):
                out_masks[size, w] = masks[u, w]
            size += 1
            continue
        simple = _shared(masks, u, u) == dimension
        for v in range(nv):
            if values[v] >= 0 or _shared(masks, u, v) < edge:
                continue
            if simple or _alone(masks, nv, u, v):
                ends[size, 0], ends[size, 1] = u, v
                share, off = place_of(values[u], errors[u], -values[v], errors[v])
                places[size, 0], places[size, 1] = share, off
                for w in range(words):
                    out_masks[size, w] = masks[u, w] & masks[v, w]
                size += 1
    return size
