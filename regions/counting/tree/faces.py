"""Which of the hyperplanes that cells given by their vertices touch are facets."""

from __future__ import annotations

import numpy as np

from regions.counting.tree.bits import lowest
from regions.kernels import kernel


@kernel(makes_arrays=True)
def mark_facets(masks, starts, what):
    """Mark the facets of every cell among the bits of its vertices.

    The vertices on a hyperplane that does not cut a cell span a face of it. Every face but the cell
    itself is part of a facet, so the facets are the faces that lie in no larger one; of several
    hyperplanes through one facet the first is marked.

    Parameters
    ----------
    masks : (total, words) uint64 array
        The hyperplanes every vertex lies on, as bits (see `vertex_cells.VertexCells`).
    starts : (cells + 1,) int array
    what : (cells, 64 * words) bool array to fill, False at first
    """
    words = masks.shape[1]
    sizes = np.zeros(64 * words, np.int64)
    around = np.zeros((64 * words, words), np.uint64)
    for cell in range(starts.size - 1):
        sizes[:] = 0
        for k in range(starts[cell], starts[cell + 1]):
            for w in range(words):
                left = masks[k, w]
                while left:
                    bit = 64 * w + lowest(left)
                    left &= left - np.uint64(1)
                    for v in range(words):
                        if sizes[bit] == 0:
                            around[bit, v] = masks[k, v]
                        else:
                            around[bit, v] &= masks[k, v]
                    sizes[bit] += 1
        for bit in range(64 * words):
            what[cell, bit] = sizes[bit] > 0 and _is_largest(around[bit], sizes, bit)


@kernel()
def _is_largest(around, sizes, bit):
    """Return whether no hyperplane around a face holds more vertices, or as many and is earlier."""
    for w in range(around.size):
        left = around[w]
        while left:
            other = 64 * w + lowest(left)
            left &= left - np.uint64(1)
            if sizes[other] > sizes[bit] or (sizes[other] == sizes[bit] and other < bit):
                return False
    return True
