"""The compiled scaling of a layer by powers of two, and the grids on which its maps lie."""

from __future__ import annotations

from math import frexp, ldexp, log2

import numpy as np

from regions.counting.plane.polygon_kernel import compiled, inner

FINEST = -100.0  # grids that are finer settle nothing
FLOOR = 1e-170  # what is smaller, relative to its unit, is rounded up to this
_LOWEST = -(2**40)


@compiled
def balance(weight, bias, before, fed, tilt, scaled, offset, exponents, grids):
    """Scale a layer so that its units' incoming weights have norm about 1 (or the bias, if none).

    Parameters
    ----------
    weight : (n, m) array
    bias : (m,) array
    before, fed : (n,) arrays
        Exponents of the layer before, and the grids on which what it passes on lies.
    tilt : float
        The grid of a bias of 1.
    scaled, offset, exponents, grids : (n, m) and (m,) arrays
        Filled with the weights, the biases, the units' exponents and grids.
    """
    n, m = weight.shape
    for j in range(m):
        exponents[j], grids[j] = _LOWEST, 0.0
    for i in range(n):
        for j in range(m):
            if weight[i, j] != 0.0:
                exponents[j] = max(exponents[j], frexp(weight[i, j])[1] + before[i])
    for j in range(m):
        offset[j] = 0.0
    for i in range(n):
        for j in range(m):
            if weight[i, j] != 0.0:
                offset[j] += _power(weight[i, j], before[i] - exponents[j]) ** 2
    for j in range(m):
        if exponents[j] == _LOWEST:
            exponents[j] = frexp(bias[j])[1]
        else:
            exponents[j] += int(np.floor(log2(offset[j]) / 2 + 0.5))
        offset[j] = _power(bias[j], -exponents[j])
        if offset[j] != 0.0:
            grids[j] = min(grids[j], _lowest(offset[j]) + tilt)
    for i in range(n):
        for j in range(m):
            number = weight[i, j]
            if number != 0.0:
                number = _power(number, before[i] - exponents[j])
                if grids[j] > FINEST:
                    grids[j] = min(grids[j], _lowest(number) + fed[i])
            scaled[i, j] = number
    for j in range(m):
        if not grids[j] > FINEST:
            grids[j] = -np.inf


@inner
def _power(number, exponent):
    """Return a number times a power of two, not below `FLOOR` in size."""
    scaled = ldexp(number, min(max(exponent, -5000), 5000))
    if number != 0.0 and abs(scaled) < FLOOR:
        return FLOOR if number > 0.0 else -FLOOR
    return scaled


@inner
def _lowest(number):
    """Return the exponent of a number's lowest bit."""
    mantissa, exponent = frexp(number)
    whole = int(ldexp(mantissa, 53))
    return exponent - 54.0 + frexp(float(whole & -whole))[1]
