"""The product of a matrix of dense blocks with one vector."""

from __future__ import annotations

import numba
import numpy as np

# Sums may be reordered (that is what makes them fast); NaN and infinity keep their meaning.
_jit = numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})


@_jit
def multiply(values, row_ids, column_ids, row_starts, column_starts, value_starts, x, result):
    """Add the product of the blocks with `x` to `result`; see `BlockMatrix` for the layout."""
    gathered = np.empty(x.size, result.dtype)
    for b in range(row_starts.size - 1):
        width = column_starts[b + 1] - column_starts[b]
        for j in range(width):
            gathered[j] = x[column_ids[column_starts[b] + j]]
        first = value_starts[b]
        for i in range(row_starts[b], row_starts[b + 1]):
            total = result[row_ids[i]]
            for j in range(width):
                total += values[first + j] * gathered[j]
            result[row_ids[i]] = total
            first += width
