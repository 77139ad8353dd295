"""Inverses of small matrices in float64, and how far from one their products are."""

from __future__ import annotations

from regions.counting.exact.rounding import UNIT
from regions.kernels import kernel


@kernel()
def invert(matrix, out):
    """Write the inverse of a matrix, which is overwritten; return whether there is one."""
    n = out.shape[0]
    for i in range(n):
        for j in range(n):
            out[i, j] = 1.0 if i == j else 0.0
    for step in range(n):
        best = step
        for i in range(step + 1, n):
            if abs(matrix[i, step]) > abs(matrix[best, step]):
                best = i
        if not abs(matrix[best, step]) > 0.0:
            return False
        scale = 1.0 / matrix[best, step]
        for j in range(n):
            # in this order, for the rows may be one
            chosen, other = matrix[best, j], out[best, j]
            matrix[best, j], out[best, j] = matrix[step, j], out[step, j]
            matrix[step, j], out[step, j] = chosen * scale, other * scale
        for i in range(n):
            factor = matrix[i, step]
            if i == step or factor == 0.0:
                continue
            for j in range(n):
                matrix[i, j] -= factor * matrix[step, j]
                out[i, j] -= factor * out[step, j]
    return True


@kernel()
def departure(inverse, matrix, row):
    """Return a bound of the sizes in a row of ``inverse @ matrix - 1``, added up."""
    n, total = inverse.shape[0], 0.0
    for j in range(n):
        product, size = (-1.0 if j == row else 0.0), 1.0
        for i in range(n):
            term = inverse[row, i] * matrix[i, j]
            product += term
            size += abs(term)
        total += abs(product) + (n + 4) * UNIT * size
    return total * (1 + (n + 4) * UNIT)
