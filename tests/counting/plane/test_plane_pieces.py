"""Which cells of a plane share an edge, and which are one linear piece: rational arithmetic."""

from __future__ import annotations

import networkx as nx
import pytest
from families import case
from rational_oracle import all_cells, graph_edges

from regions.counting.effort import Effort
from regions.counting.plane import plane as engine
from regions.counting.plane.explorer import PlaneCells, Polygon
from regions.counting.plane.pieces import linear_pieces, shared_edges
from regions.counting.plane.planar import planar_frame


def bounded(family):
    """Yield the family's cases on bounded planes: cells, what found them, and the exact cells."""
    for seed in range(8):
        drawn = case(family, seed)
        domain = drawn.domain
        if domain is None or domain.dimension != 2 or not domain.bounded:
            continue
        frame = planar_frame(drawn.net, domain)
        part = frame.parts[0]
        explorer = engine._explorer(drawn.net, frame, part, Effort())()
        cells = PlaneCells.joined(list(explorer.cells(Polygon(part.vertices, part.labels))))
        yield seed, cells, explorer, all_cells(drawn.layers, domain, drawn.slopes)


FAMILIES = ("integer", "bias_free", "sparse", "duplicates", "leaky")


@pytest.mark.parametrize("family", FAMILIES)
def test_cells_meet_edge_to_edge(family):
    for seed, cells, explorer, (exact, d) in bounded(family):
        low, high = shared_edges(cells, explorer, lambda: None)
        one, two = cells.owner[low], cells.owner[high]
        unit = cells.labels[low] % max(cells.patterns.shape[1], 1)
        names = [tuple(map(bool, pattern)) for pattern in cells.patterns]
        assert set(names) == {pattern for _, pattern, _ in exact}, seed
        found = {frozenset((names[i], names[j])) for i, j in zip(one, two, strict=True)}
        edges = graph_edges([cell for cell, _, _ in exact], d)
        right = {frozenset((exact[i][1], exact[j][1])) for i, j in edges}
        # the oracle's cells are cut at the axes: there, both sides are one region
        assert found == {edge for edge in right if len(edge) == 2}, seed
        assert len(found) == len(one)
        assert (cells.patterns[one, unit] != cells.patterns[two, unit]).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_are_the_cells_of_one_map_that_edges_connect(family):
    joined = 0
    for seed, cells, explorer, (exact, d) in bounded(family):
        low, high = shared_edges(cells, explorer, lambda: None)
        pieces = linear_pieces(cells, low, high, explorer, lambda: None)
        names = [tuple(map(bool, pattern)) for pattern in cells.patterns]
        found = {frozenset(n for n, p in zip(names, pieces, strict=True) if p == piece)
                 for piece in pieces}  # fmt: skip
        edges = graph_edges([cell for cell, _, _ in exact], d, [tuple(out) for *_, out in exact])
        graph = nx.Graph(edges)
        graph.add_nodes_from(range(len(exact)))
        right = {frozenset(exact[i][1] for i in part) for part in nx.connected_components(graph)}
        assert found == right, seed
        joined += len(cells) - len(found)
    assert joined > 0 or family in ("leaky", "duplicates")  # the others have cells of equal maps
