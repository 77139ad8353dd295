"""The compiled parts of the line engine: kinks stored pixel by pixel, and what is done with them.

A value of shape (channels, *sides) has `pixels` positions. Pixel p has kinks in the columns
``columns[starts[p]:starts[p + 1]]`` only; its entries are a block of one row per channel,
``entries[channels * starts[p]:channels * starts[p + 1]]``. Unit ``channel * pixels + p`` has the
kinks factor * entries; entries of units of factor 0 are never read. Columns come in any order; but
what has more than `_FULL` of them is given them all, from first to last, and then a convolution
reads its rows where they are. Matrix products here are so small that BLAS should have one thread.
"""

from __future__ import annotations

import numpy as np

from regions.kernels import kernel

compiled = kernel(makes_arrays=True, nogil=True)

_FULL = 0.75


@compiled
def convolve(kinks, weight, table, wanted, width, begins, found, out):
    """Write the entries of a convolution at the wanted units.

    Parameters
    ----------
    kinks : (starts, columns, entries, factor)
    weight : (taps, channels, outputs) array
    table : (positions, taps) int array
        The pixel that each tap reads, or -1.
    wanted : (outputs * positions,) bool array
    width : int
        Number of columns.
    begins, found, out : arrays
        Starts and columns as `unions` gives them, and where to write the entries.
    """
    starts, columns, entries, factor = kinks
    taps, channels, outputs = weight.shape
    pixels, positions = len(starts) - 1, len(table)
    most, fours = taps * channels + 3, outputs + 3
    placed, moved = np.empty(most * fours), np.empty(most * fours)
    reads, gathered = np.empty(most, np.int64), np.empty(most * width)
    sums, outs = np.empty(fours * width), np.zeros(fours, np.int64)
    places, targets = np.empty(width, np.int64), np.empty(width, np.int64)
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
        rows = -(-n_outs // 4) * 4
        outs[n_outs:rows] = 0
        n_placed, n_moved = 0, 0
        for tap in range(taps):
            pixel = table[position, tap]
            if pixel < 0:
                continue
            here = columns[starts[pixel] : starts[pixel + 1]]
            n, whole = len(here), _whole(here, width)
            if not whole:
                for i in range(n):
                    targets[i] = places[here[i]]
            for channel in range(channels):
                scale = factor[channel * pixels + pixel]
                at = channels * starts[pixel] + channel * n
                if scale == 0.0 or not _bent(entries[at : at + n]):
                    continue
                if whole:
                    reads[n_placed] = at
                    terms = placed[n_placed * rows : (n_placed + 1) * rows]
                    n_placed += 1
                else:
                    row = gathered[n_moved * size : (n_moved + 1) * size]
                    _put(row, targets, entries[at : at + n])
                    terms = moved[n_moved * rows : (n_moved + 1) * rows]
                    n_moved += 1
                for i in range(rows):
                    terms[i] = scale * weight[tap, channel, outs[i]]
        result = sums[: rows * size].reshape(rows, size)
        if n_moved:
            terms = moved[: n_moved * rows].reshape(n_moved, rows)
            np.dot(terms.T, gathered[: n_moved * size].reshape(n_moved, size), result)
        else:
            result[:] = 0.0
        last = -(-n_placed // 4) * 4  # filled up by rows of factor zero
        placed[n_placed * rows : last * rows] = 0.0
        reads[n_placed:last] = reads[0]
        _add_rows(placed[: last * rows].reshape(last, rows), entries, reads, result)
        for i in range(n_outs):
            at = outputs * begin + outs[i] * size
            out[at : at + size] = result[i]


@compiled
def _whole(columns, width):
    """Tell whether these are all columns, from first to last."""
    for i in range(len(columns)):
        if columns[i] != i:
            return False
    return len(columns) == width


@compiled
def _put(row, places, terms):
    """Set row[places] = terms, and the rest of the row to zero."""
    row[:] = 0.0
    for i in range(len(terms)):
        row[places[i]] = terms[i]


@compiled
def _bent(row):
    """Tell whether a row has a kink."""
    for i in range(len(row)):
        if row[i] != 0.0:
            return True
    return False


@kernel(nogil=True, fastmath={"contract"})
def _add_rows(factors, entries, reads, out):
    """Add sum_r factors[r, s] * (the row at entries[reads[r]]) to every row s of `out`.

    Four rows go to four sums at a time, so that each is loaded once for four products.
    """
    size = out.shape[1]
    for r in range(0, len(factors), 4):
        a, b = entries[reads[r] :][:size], entries[reads[r + 1] :][:size]
        c, d = entries[reads[r + 2] :][:size], entries[reads[r + 3] :][:size]
        for s in range(0, len(out), 4):
            fa, fb, fc, fd = factors[r], factors[r + 1], factors[r + 2], factors[r + 3]
            aw, ax, ay, az = fa[s], fa[s + 1], fa[s + 2], fa[s + 3]
            bw, bx, by, bz = fb[s], fb[s + 1], fb[s + 2], fb[s + 3]
            cw, cx, cy, cz = fc[s], fc[s + 1], fc[s + 2], fc[s + 3]
            dw, dx, dy, dz = fd[s], fd[s + 1], fd[s + 2], fd[s + 3]
            w, x, y, z = out[s], out[s + 1], out[s + 2], out[s + 3]
            for i in range(size):
                ai, bi, ci, di = a[i], b[i], c[i], d[i]
                w[i] += aw * ai + bw * bi + cw * ci + dw * di
                x[i] += ax * ai + bx * bi + cx * ci + dx * di
                y[i] += ay * ai + by * bi + cy * ci + dy * di
                z[i] += az * ai + bz * bi + cz * ci + dz * di


@compiled
def unions(starts, columns, table, wanted, width):
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
        if any_wanted:
            if n + width > len(found):
                found = np.append(found, np.empty(len(found) + width, np.int64))
            begin = n
            for tap in range(taps):
                pixel = table[position, tap]
                if pixel < 0 or n - begin == width:
                    continue
                for i in range(starts[pixel], starts[pixel + 1]):
                    if seen[columns[i]] != position:
                        seen[columns[i]] = position
                        found[n] = columns[i]
                        n += 1
            n = _filled(found, begin, n, width)
        begins[position + 1] = n
    return begins, found[:n].copy()


@compiled
def _filled(found, begin, end, width):
    """Put all columns from `begin` if most are there already; return where they end."""
    if end - begin <= _FULL * width:
        return end
    for column in range(width):
        found[begin + column] = column
    return begin + width


@compiled
def add(first, second, wanted, width, begins, found, out):
    """Write the entries of the sum of two values at the wanted units (as `convolve` does)."""
    pixels = len(begins) - 1
    channels = len(wanted) // pixels
    places, targets = np.empty(width, np.int64), np.empty(width, np.int64)
    for pixel in range(pixels):
        begin, size = begins[pixel], begins[pixel + 1] - begins[pixel]
        if size == 0:
            continue
        for i in range(size):
            places[found[begin + i]] = i
        fresh = True
        for starts, columns, entries, factor in (first, second):
            here = columns[starts[pixel] : starts[pixel + 1]]
            n, straight = len(here), True
            for i in range(n):
                targets[i] = places[here[i]]
                straight &= targets[i] == i
            for channel in range(channels):
                unit = channel * pixels + pixel
                if not wanted[unit]:
                    continue
                row = out[channels * begin + channel * size :][:size]
                terms = entries[channels * starts[pixel] + channel * n :][:n]
                used = n if factor[unit] != 0.0 else 0
                if fresh and straight:
                    for i in range(used):
                        row[i] = factor[unit] * terms[i]
                    row[used:] = 0.0
                    continue
                if fresh:
                    row[:] = 0.0
                if straight:
                    for i in range(used):
                        row[i] += factor[unit] * terms[i]
                else:
                    for i in range(used):
                        row[targets[i]] += factor[unit] * terms[i]
            fresh = False


@kernel(makes_arrays=True, nogil=True, fastmath={"contract", "reassoc"})
def sizes(kinks, heights, units):
    """Return sum_k |kink k| heights[k] and sum_k |kink k| of some units, else 0.

    `units`, (units,) bools, picks them.
    """
    starts, columns, entries, factor = kinks
    pixels = len(starts) - 1
    channels = len(factor) // pixels
    out, sums = np.zeros(len(factor)), np.zeros(len(factor))
    for pixel in range(pixels):
        n = starts[pixel + 1] - starts[pixel]
        spans = heights[columns[starts[pixel] : starts[pixel + 1]]]
        for channel in range(channels):
            unit = channel * pixels + pixel
            if units[unit] and factor[unit] != 0.0:
                row = entries[channels * starts[pixel] + channel * n :][:n]
                high, total = 0.0, 0.0
                for i in range(n):
                    high += abs(row[i]) * spans[i]
                    total += abs(row[i])
                out[unit], sums[unit] = abs(factor[unit]) * high, abs(factor[unit]) * total
    return out, sums


@compiled
def sums(kinks, weights):
    """Return sum_k (kink k) weights[k] of every unit."""
    starts, columns, entries, factor = kinks
    pixels = len(starts) - 1
    channels = len(factor) // pixels
    out = np.zeros(len(factor))
    for pixel in range(pixels):
        n = starts[pixel + 1] - starts[pixel]
        parts = weights[columns[starts[pixel] : starts[pixel + 1]]]
        for channel in range(channels):
            unit = channel * pixels + pixel
            if factor[unit] != 0.0:
                row = entries[channels * starts[pixel] + channel * n :][:n]
                total = 0.0
                for i in range(n):
                    total += row[i] * parts[i]
                out[unit] = factor[unit] * total
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
def widened(kinks, units, rows):
    """Return starts and columns with room for new rows of some units, (units, columns)."""
    starts, columns = kinks[:2]
    pixels, width = len(starts) - 1, rows.shape[1]
    bent = np.zeros((pixels, width), np.bool_)
    for k in range(len(units)):
        flags = bent[units[k] % pixels]
        for column in range(width):
            flags[column] |= rows[k, column] != 0.0
    begins = np.zeros(pixels + 1, np.int64)
    found = np.empty(len(columns) + pixels * width, np.int64)
    n = 0
    for pixel in range(pixels):
        begin = n
        for i in range(starts[pixel], starts[pixel + 1]):
            found[n] = columns[i]
            bent[pixel, columns[i]] = False
            n += 1
        for column in range(width):
            if bent[pixel, column]:
                found[n] = column
                n += 1
        n = _filled(found, begin, n, width)
        begins[pixel + 1] = n
    return begins, found[:n].copy()


@compiled
def replace(kinks, units, rows, begins, found, out):
    """Write the entries with the rows of some units replaced by `rows`, (units, columns)."""
    starts, columns, entries, factor = kinks
    pixels, width = len(starts) - 1, rows.shape[1]
    channels = len(factor) // pixels
    for pixel in range(pixels):
        here = columns[starts[pixel] : starts[pixel + 1]]
        old, size = len(here), begins[pixel + 1] - begins[pixel]
        straight = size < width or _whole(here, old)
        for channel in range(channels):
            if factor[channel * pixels + pixel] != 0.0:
                at = channels * starts[pixel] + channel * old
                to = channels * begins[pixel] + channel * size
                row = out[to : to + size]
                if straight:
                    row[:old] = entries[at : at + old]
                    row[old:] = 0.0
                else:
                    _put(row, here, entries[at : at + old])
    for k in range(len(units)):
        channel, pixel = units[k] // pixels, units[k] % pixels
        size = begins[pixel + 1] - begins[pixel]
        to = channels * begins[pixel] + channel * size
        for i in range(size):
            out[to + i] = rows[k, found[begins[pixel] + i]]


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
    begins, found = unions(starts, columns, table, np.ones(len(index), np.bool_), width)
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
