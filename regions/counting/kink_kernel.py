"""The compiled parts of the line engine: kinks stored pixel by pixel, and what is done with them.

A value of shape (channels, *sides) has `pixels` positions. Pixel p has kinks in the columns
``columns[starts[p]:starts[p + 1]]`` only, in any order; its entries are a block of one row per
channel, ``entries[channels * starts[p]:channels * starts[p + 1]]``. Unit ``channel * pixels + p``
has the kinks factor * entries; entries of units of factor 0 are never read.
"""

from __future__ import annotations

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True)


@compiled
def convolve(kinks, weight, table, wanted, width):
    """Return starts, columns and entries of a convolution at the wanted units.

    At every position one matrix product takes the input rows that are not zero.

    Parameters
    ----------
    kinks : (starts, columns, entries, factor)
    weight : (taps, channels, outputs) array
    table : (positions, taps) int array
        The pixel that each tap reads, or -1.
    wanted : (outputs * positions,) bool array
    width : int
        Number of columns.
    """
    starts, columns, entries, factor = kinks
    taps, channels, outputs = weight.shape
    pixels, positions = len(starts) - 1, len(table)
    begins, found = _unions(starts, columns, table, wanted, width)
    out = np.empty(outputs * len(found))
    left = np.empty(taps * channels * outputs)
    right = np.empty(taps * channels * width)
    product = np.empty(outputs * width)
    outs, places = np.empty(outputs, np.int64), np.empty(width, np.int64)
    for position in range(positions):
        begin, size = begins[position], begins[position + 1] - begins[position]
        if size == 0:
            continue
        for i in range(size):
            places[found[begin + i]] = i
        n_outs = 0
        for output in range(outputs):
            outs[n_outs] = output
            n_outs += wanted[output * positions + position]
        n = 0
        for tap in range(taps):
            pixel = table[position, tap]
            if pixel < 0 or starts[pixel] == starts[pixel + 1]:
                continue
            here = columns[starts[pixel] : starts[pixel + 1]]
            straight = len(here) == size and _straight(here, places)
            for channel in range(channels):
                scale = factor[channel * pixels + pixel]
                if scale == 0.0:
                    continue
                at, bent = channels * starts[pixel] + channel * len(here), straight
                if straight:
                    right[n * size : (n + 1) * size] = entries[at : at + size]
                else:
                    right[n * size : (n + 1) * size] = 0.0
                    for i in range(len(here)):
                        right[n * size + places[here[i]]] = entries[at + i]
                        bent |= entries[at + i] != 0.0
                if bent:
                    for i in range(n_outs):
                        left[n * n_outs + i] = scale * weight[tap, channel, outs[i]]
                    n += 1
        result = product[: n_outs * size].reshape(n_outs, size)
        if n:
            weights = left[: n * n_outs].reshape(n, n_outs)
            np.dot(weights.T, right[: n * size].reshape(n, size), result)
        else:
            result[:] = 0.0
        for i in range(n_outs):
            at = outputs * begin + outs[i] * size
            out[at : at + size] = result[i]
    return begins, found, out


@compiled
def _straight(columns, places):
    """Tell whether the columns are in the order of their places."""
    for i in range(len(columns)):
        if places[columns[i]] != i:
            return False
    return True


@compiled
def _unions(starts, columns, table, wanted, width):
    """Return the columns that each position with wanted units reads: starts and columns."""
    positions, taps = table.shape
    begins = np.zeros(positions + 1, np.int64)
    seen = np.full(width, -1)
    found = np.empty(1024, np.int64)
    n = 0
    for position in range(positions):
        any_wanted = False
        for unit in range(position, len(wanted), positions):
            any_wanted |= wanted[unit]
        longest, most = -1, 0
        for tap in range(taps):
            pixel = table[position, tap]
            if pixel >= 0 and starts[pixel + 1] - starts[pixel] > most:
                longest, most = tap, starts[pixel + 1] - starts[pixel]
        if any_wanted and most > 0:
            if n + width > len(found):
                found = np.append(found, np.empty(len(found) + width, np.int64))
            for turn in range(-1, taps):  # the longest list first: its rows need no gathering
                pixel = table[position, longest if turn < 0 else turn]
                if pixel < 0:
                    continue
                for i in range(starts[pixel], starts[pixel + 1]):
                    if seen[columns[i]] != position:
                        seen[columns[i]] = position
                        found[n] = columns[i]
                        n += 1
        begins[position + 1] = n
    return begins, found[:n].copy()


@compiled
def add(first, second, wanted, width):
    """Return starts, columns and entries of the sum of two values at the wanted units."""
    pixels = len(first[0]) - 1
    channels = len(wanted) // pixels
    both = np.concatenate((first[0], second[0][1:] + first[0][-1]))
    columns = np.concatenate((first[1], second[1]))
    table = np.column_stack((np.arange(pixels), np.arange(pixels) + pixels))
    begins, found = _unions(both, columns, table, wanted, width)
    out = np.zeros(channels * len(found))
    places = np.empty(width, np.int64)
    for pixel in range(pixels):
        begin, size = begins[pixel], begins[pixel + 1] - begins[pixel]
        if size == 0:
            continue
        for i in range(size):
            places[found[begin + i]] = i
        for starts, columns, entries, factor in (first, second):
            here = columns[starts[pixel] : starts[pixel + 1]]
            straight, n = _straight(here, places), len(here)
            for channel in range(channels):
                unit = channel * pixels + pixel
                if wanted[unit] and factor[unit] != 0.0:
                    row = out[channels * begin + channel * size :]
                    terms = entries[channels * starts[pixel] + channel * n :]
                    if straight:
                        for i in range(n):
                            row[i] += factor[unit] * terms[i]
                    else:
                        for i in range(n):
                            row[places[here[i]]] += factor[unit] * terms[i]
    return begins, found, out


@compiled
def sizes(kinks, heights):
    """Return sum_k |kink k| heights[k] of every unit."""
    starts, columns, entries, factor = kinks
    pixels = len(starts) - 1
    channels = len(factor) // pixels
    out = np.zeros(len(factor))
    for pixel in range(pixels):
        n = starts[pixel + 1] - starts[pixel]
        for channel in range(channels):
            unit = channel * pixels + pixel
            if factor[unit] != 0.0:
                at, total = channels * starts[pixel] + channel * n, 0.0
                for i in range(n):
                    total += abs(entries[at + i]) * heights[columns[starts[pixel] + i]]
                out[unit] = abs(factor[unit]) * total
    return out


@compiled
def rows_of(kinks, units, width):
    """Return the kinks of some units, (units, columns)."""
    starts, columns, entries, factor = kinks
    pixels = len(starts) - 1
    channels = len(factor) // pixels
    out = np.zeros((len(units), width))
    for k in range(len(units)):
        channel, pixel = units[k] // pixels, units[k] % pixels
        if factor[units[k]] != 0.0:
            n = starts[pixel + 1] - starts[pixel]
            at = channels * starts[pixel] + channel * n
            for i in range(n):
                out[k, columns[starts[pixel] + i]] = factor[units[k]] * entries[at + i]
    return out


@compiled
def replaced(kinks, units, rows):
    """Return starts, columns and entries with the rows of some units replaced.

    `rows`, (units, columns), may bend in columns where the pixel did not.
    """
    starts, columns, entries, factor = kinks
    pixels, width = len(starts) - 1, rows.shape[1]
    channels = len(factor) // pixels
    bent = np.zeros((pixels, width), np.bool_)
    for k in range(len(units)):
        flags = bent[units[k] % pixels]
        for column in range(width):
            flags[column] |= rows[k, column] != 0.0
    begins = np.zeros(pixels + 1, np.int64)
    found = np.empty(len(columns) + bent.sum(), np.int64)
    n = 0
    for pixel in range(pixels):
        for i in range(starts[pixel], starts[pixel + 1]):
            found[n] = columns[i]
            bent[pixel, columns[i]] = False
            n += 1
        for column in range(width):
            if bent[pixel, column]:
                found[n] = column
                n += 1
        begins[pixel + 1] = n
    out = np.zeros(channels * n)
    for pixel in range(pixels):
        old, size = starts[pixel + 1] - starts[pixel], begins[pixel + 1] - begins[pixel]
        for channel in range(channels):
            if factor[channel * pixels + pixel] != 0.0:
                at = channels * starts[pixel] + channel * old
                to = channels * begins[pixel] + channel * size
                out[to : to + old] = entries[at : at + old]
    for k in range(len(units)):
        channel, pixel = units[k] // pixels, units[k] % pixels
        size = begins[pixel + 1] - begins[pixel]
        to = channels * begins[pixel] + channel * size
        for i in range(size):
            out[to + i] = rows[k, found[begins[pixel] + i]]
    return begins, found[:n], out


@compiled
def taken(kinks, new):
    """Return starts, columns and entries with column k called new[k], or dropped if that is -1."""
    starts, columns, entries, factor = kinks
    pixels = len(starts) - 1
    channels = len(factor) // pixels
    begins, found = np.zeros(pixels + 1, np.int64), np.empty(len(columns), np.int64)
    out = np.empty(len(entries))
    n = 0
    for pixel in range(pixels):
        begin = n
        for i in range(starts[pixel], starts[pixel + 1]):
            if new[columns[i]] >= 0:
                found[n] = new[columns[i]]
                n += 1
        begins[pixel + 1] = n
        old = starts[pixel + 1] - starts[pixel]
        for channel in range(channels):
            at = channels * starts[pixel] + channel * old
            to = channels * begin + channel * (n - begin)
            for i in range(old):
                if new[columns[starts[pixel] + i]] >= 0:
                    out[to] = entries[at + i]
                    to += 1
    return begins, found[:n].copy(), out[: channels * n].copy()


@compiled
def moved(kinks, index, positions, width):
    """Return starts, columns and entries of the units that `index` names (-1: none)."""
    starts, columns, entries, factor = kinks
    pixels = len(starts) - 1
    inputs, channels = len(factor) // pixels, len(index) // positions
    table = np.empty((positions, channels), np.int64)
    for unit in range(len(index)):
        table[unit % positions, unit // positions] = (
            index[unit] % pixels if index[unit] >= 0 else -1
        )
    begins, found = _unions(starts, columns, table, np.ones(len(index), np.bool_), width)
    out = np.zeros(channels * len(found))
    places = np.empty(width, np.int64)
    for position in range(positions):
        begin, size = begins[position], begins[position + 1] - begins[position]
        for i in range(size):
            places[found[begin + i]] = i
        for channel in range(channels):
            source = index[channel * positions + position]
            if source < 0 or factor[source] == 0.0:
                continue
            pixel, to = source % pixels, channels * begin + channel * size
            n = starts[pixel + 1] - starts[pixel]
            at = inputs * starts[pixel] + (source // pixels) * n
            for i in range(n):
                out[to + places[columns[starts[pixel] + i]]] = factor[source] * entries[at + i]
    return begins, found, out
