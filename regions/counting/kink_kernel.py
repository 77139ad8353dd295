"""The compiled parts of the line engine: convolutions and sums that skip what does not bend."""

from __future__ import annotations

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True)
summing = njit(cache=True, nogil=True, fastmath=True)  # sums in any order


@compiled
def convolve(rows, factor, weight, table, wanted, out):
    """Write the convolution of factor * rows to the wanted rows of `out`.

    At every position only the inputs that are not zero and the columns that change there are
    gathered; their product is one matrix product.

    Parameters
    ----------
    rows : (channels * pixels, columns) array
    factor : (channels * pixels,) array
        Rows of factor 0 are not read.
    weight : (taps, channels, outputs) array
    table : (positions, taps) int array
        The pixel that each tap reads, or -1.
    wanted : (outputs * positions,) bool array
    out : (outputs * positions, columns) array
    """
    taps, channels, outputs = weight.shape
    pixels, positions, width = len(factor) // channels, len(table), rows.shape[1]
    touched = _touched(rows, factor, pixels)
    left = np.empty(taps * channels * outputs)
    right = np.empty(taps * channels * width)
    product = np.empty(outputs * width)
    outs, columns = np.empty(outputs, np.int64), np.empty(width, np.int64)
    for position in range(positions):
        n_outs = 0
        for output in range(outputs):
            unit = output * positions + position
            if wanted[unit]:
                outs[n_outs] = output
                n_outs += 1
                out[unit] = 0.0
        n_columns = _columns(touched, table[position], columns) if n_outs else 0
        if n_columns == 0:
            continue
        straight = columns[n_columns - 1] == n_columns - 1
        n = 0
        for tap in range(taps):
            pixel = table[position, tap]
            if pixel < 0:
                continue
            for channel in range(channels):
                scale = factor[channel * pixels + pixel]
                if scale == 0.0:
                    continue
                row, bent = rows[channel * pixels + pixel], straight
                if straight:
                    right[n * n_columns : (n + 1) * n_columns] = row[:n_columns]
                else:
                    for i in range(n_columns):
                        entry = row[columns[i]]
                        right[n * n_columns + i] = entry
                        bent |= entry != 0.0
                if bent:
                    for i in range(n_outs):
                        left[n * n_outs + i] = scale * weight[tap, channel, outs[i]]
                    n += 1
        result = product[: n_outs * n_columns].reshape(n_outs, n_columns)
        a = left[: n * n_outs].reshape(n, n_outs)
        np.dot(a.T, right[: n * n_columns].reshape(n, n_columns), result)
        for i in range(n_outs):
            row = out[outs[i] * positions + position]
            if straight:
                row[:n_columns] = result[i]
                continue
            for j in range(n_columns):
                row[columns[j]] = result[i, j]


@compiled
def _touched(rows, factor, pixels):
    """Return in which columns each pixel has an entry that is not zero: (pixels, columns)."""
    touched = np.zeros((pixels, rows.shape[1]), np.bool_)
    for unit in range(len(factor)):
        if factor[unit] != 0.0:
            flags, row = touched[unit % pixels], rows[unit]
            for column in range(rows.shape[1]):
                flags[column] |= row[column] != 0.0
    return touched


@compiled
def _columns(touched, pixels, columns):
    """Write the columns that any of `pixels` touches, and return how many there are.

    If most of the first ones are touched, these are taken as they stand: they need no gathering.
    """
    any_of = np.zeros(touched.shape[1], np.bool_)
    for pixel in pixels:
        if pixel >= 0:
            any_of |= touched[pixel]
    n, last = 0, 0
    for column in range(len(any_of)):
        columns[n] = column
        if any_of[column]:
            n, last = n + 1, column + 1
    if 4 * n < 3 * last:
        return n
    for column in range(last):
        columns[column] = column
    return last


@compiled
def add(first, first_factor, second, second_factor, wanted):
    """Turn the wanted rows of `first` into first_factor * first + second_factor * second.

    Columns that one of them lacks are zero there.
    """
    for unit in range(len(wanted)):
        if wanted[unit]:
            a, b, row, other = first_factor[unit], second_factor[unit], first[unit], second[unit]
            if a == 0.0:
                row[:] = 0.0
            elif a != 1.0:
                for column in range(len(row)):
                    row[column] *= a
            if b != 0.0:
                for column in range(len(other)):
                    row[column] += b * other[column]


@summing
def sizes(rows, factor, heights):
    """Return sum_k |factor * rows[:, k]| heights[k]."""
    out = np.zeros(len(factor))
    for unit in range(len(factor)):
        if factor[unit] != 0.0:
            total, row = 0.0, rows[unit]
            for column in range(min(len(heights), len(row))):
                total += abs(row[column]) * heights[column]
            out[unit] = total * abs(factor[unit])
    return out


@compiled
def taken(rows, factor, columns, width):
    """Return the chosen columns first and zeros after them, in the rows of factor not 0."""
    out = np.empty((len(rows), width))
    for unit in range(len(factor)):
        if factor[unit] != 0.0:
            row = rows[unit]
            for i in range(len(columns)):
                out[unit, i] = row[columns[i]] if columns[i] < len(row) else 0.0
            out[unit, len(columns) :] = 0.0
    return out
