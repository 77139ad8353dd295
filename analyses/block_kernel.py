"""Products of a matrix of dense blocks with one vector, or with some columns."""

from __future__ import annotations

import numba
import numpy as np

# Sums may be reordered (that is what makes them fast); NaN and infinity keep their meaning.
_jit = numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})


@_jit
def times_vector(values, row_ids, column_ids, row_starts, column_starts, value_starts, x, result):
    """Add the product of the blocks with `x` (n,) to `result` (m,); layout of `BlockMatrix`."""
    gathered = np.empty(x.size, result.dtype)
    for b in range(row_starts.size - 1):
        columns = column_ids[column_starts[b] : column_starts[b + 1]]
        for j in range(columns.size):
            gathered[j] = x[columns[j]]
        start = value_starts[b]
        for i in row_ids[row_starts[b] : row_starts[b + 1]]:
            # a slice tells the compiler that the places follow each other
            row = values[start : start + columns.size]
            total = result[i] * 0
            for j in range(row.size):
                total += row[j] * gathered[j]
            result[i] += total
            start += columns.size


@_jit
def times_columns(values, row_ids, column_ids, row_starts, column_starts, value_starts, x, result):
    """Add the product of the blocks with `x` (n, k) to `result` (m, k)."""
    for b in range(row_starts.size - 1):
        columns = column_ids[column_starts[b] : column_starts[b + 1]]
        start = value_starts[b]
        for i in row_ids[row_starts[b] : row_starts[b + 1]]:
            row, out = values[start : start + columns.size], result[i]
            for j in range(columns.size):
                value, source = row[j], x[columns[j]]
                for k in range(out.size):
                    out[k] += value * source[k]
            start += columns.size
