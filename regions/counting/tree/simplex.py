"""Small linear programs from a known interior point: a bounded-variable simplex for numba.

Every program of the `cells` engine starts at a witness, a strictly interior point of the cell.
Then no first phase is needed, and the run can stop as soon as the objective passes a target. What
it finds is float64: callers check points and multipliers themselves.
"""

from __future__ import annotations

import numpy as np

from regions.kernels import FAST, kernel

OPTIMAL, REACHED, FAILED = 0, 1, 2
FREE, LOW, HIGH, ROW, FIXED = 0, 1, 2, 3, 4  # where a nonbasic variable is
_PIVOT = 1e-10
_GAIN = 1e-10


@kernel()
def _entering(table, gains, sign, down, up, tolerance, bland):
    """Return the column whose move raises the objective fastest (first one under Bland)."""
    best, column = tolerance, -1
    for k in range(table.shape[1]):
        gain = sign * table[gains, k]
        room = up[k] if gain > 0 else -down[k]
        if abs(gain) > best and room > 0.0:
            column = k
            if bland:
                break
            best = abs(gain)
    return column


@kernel(**FAST)
def _leaving(m, d, rates, down, up, step):
    """Return (row, step): the basic variable that stops a move first, or -1."""
    row, rate_at_row = -1, 0.0
    for i in range(m):
        rate = rates[i]
        if abs(rate) <= _PIVOT:
            continue
        room = up[d + i] if rate > 0 else down[d + i]
        limit = max(room / rate, 0.0)
        # among ties the largest pivot keeps the table accurate
        if limit < step or (limit == step and row >= 0 and abs(rate) > rate_at_row):
            row, step, rate_at_row = i, limit, abs(rate)
    return row, step


@kernel(**FAST)
def pivot(table, height, row, column):
    """Solve a row for a column's variable, in the first so many rows."""
    inverse, width = 1.0 / table[row, column], table.shape[1]
    for k in range(width):
        table[row, k] *= -inverse
    table[row, column] = inverse
    for i in range(height):
        factor = table[i, column]
        if i != row and factor != 0.0:
            table[i, column] = 0.0
            for k in range(width):
                table[i, k] += factor * table[row, k]


@kernel()
def exchange(room, d, row, column):
    """Let a basic variable and another take each other's places (the table is left as it is)."""
    room.nonbasic[column], room.basic[row] = room.basic[row], room.nonbasic[column]
    for places in (room.down, room.up, room.shift):
        places[column], places[d + row] = places[d + row], places[column]


@kernel()
def maximise(m, slack, target, point, room):
    """Maximise a linear gain over a polytope, from the interior point at displacement 0.

    Parameters
    ----------
    m : int
        Number of constraints.
    slack : array
        Row i demands ``slack[i] + g_i . y >= 0``; none is negative.
    target : float
        Stop once the gain is above it.
    point : (d,) array, overwritten with the displacement y found.
    room : Room
        Its table, overwritten, begins with the rows g_1, ..., g_m and the gain; `down` and `up`
        begin with bounds of the displacement, down <= 0 <= up. Its corner is overwritten with what
        stops the gain: rows (ROW and their numbers) or coordinates (LOW, HIGH or FREE and theirs),
        and how fast the gain grows with each, not positively at an optimum.

    Returns
    -------
    (code, value, steps)
        OPTIMAL, REACHED or FAILED (too many steps), the gain at `point`, and how many steps.
    """
    down, up, d = room.down, room.up, point.size
    for i in range(m):
        down[d + i], up[d + i] = -slack[i], np.inf
        room.basic[i], room.shift[d + i] = d + i, 0.0
    for k in range(d):
        room.corner.kinds[k], room.nonbasic[k], room.shift[k] = FREE, k, 0.0
    return climb(m, m + 1, m, 1.0, 0.0, target, point, room)


@kernel(**FAST)
def climb(m, height, gains, sign, value, target, point, room):
    """Go on from where the variables are (see `maximise`), and raise one of the table's rows.

    Every column stands for a variable, and every row for a basic one: `down` and `up` say how far
    each can move from where it is, `shift` how far it has moved, columns first.

    Parameters
    ----------
    m, height : int
        So many of the first `height` rows are those of basic variables.
    gains : int
        The row to raise, or to lower if `sign` is -1.
    sign, value : float
        The gain so far is `value`.
    target, point, room
        As `maximise` takes them.

    Returns
    -------
    (code, value, steps)
    """
    table, down, up, shift, rates = room.table, room.down, room.up, room.shift, room.rates
    d, size, kinds, code = point.size, 0.0, room.corner.kinds, FAILED
    for k in range(d):
        size = max(size, abs(table[gains, k]))
    tolerance, limit, steps = _GAIN * size, 20 * (m + d) + 50, 0
    while steps < limit:
        column = _entering(table, gains, sign, down, up, tolerance, steps > limit // 2)
        if column < 0:
            code = OPTIMAL
            break
        gain = sign * table[gains, column]
        direction = 1.0 if gain > 0 else -1.0
        for i in range(m):
            rates[i] = table[i, column] * direction
        row, step = _leaving(m, d, rates, down, up, up[column] if gain > 0 else -down[column])
        shift[column] += direction * step
        down[column] -= direction * step
        up[column] -= direction * step
        for i in range(m):
            change = rates[i] * step
            down[d + i] = min(down[d + i] - change, 0.0)
            up[d + i] = max(up[d + i] - change, 0.0)
            shift[d + i] += change
        value += abs(gain) * step
        steps += 1
        at, ahead = (column, direction > 0) if row < 0 else (d + row, rates[row] > 0)
        if ahead:
            up[at], kinds[column] = 0.0, HIGH
        else:
            down[at], kinds[column] = 0.0, LOW
        if row >= 0:
            if room.basic[row] >= d:
                kinds[column] = ROW
            pivot(table, height, row, column)
            exchange(room, d, row, column)
        if value > target:
            code = REACHED
            break
    _report(m, gains, sign, point, room)
    return code, value, steps


@kernel()
def _report(m, gains, sign, point, room):
    """Write where the variables are, and the corner."""
    names, kinds, prices = room.corner
    d = point.size
    for k in range(d):
        variable = room.nonbasic[k]
        names[k], prices[k] = variable, sign * room.table[gains, k]
        if kinds[k] >= ROW:
            names[k] -= d
        if variable < d:
            point[variable] = room.shift[k]
    for i in range(m):
        if room.basic[i] < d:
            point[room.basic[i]] = room.shift[d + i]


@kernel()
def counted(steps, size, room):
    """Note the work of a linear program with a table of so many entries."""
    room.work[0] += (steps + 2) * size
    room.work[1] += 1.0
    room.work[2] += steps


@kernel()
def farthest(cell, m, gain, low, high, start, target, point, room):
    """Run `maximise` for a gain's slopes over a cell within some bounds; (code, value)."""
    d, table = start.size, room.table
    for i in range(m):
        for k in range(d):
            table[i, k] = cell.rows[i, k]
    for k in range(d):
        table[m, k] = gain[k]
        room.down[k], room.up[k] = low[k] - start[k], high[k] - start[k]
    code, value, steps = maximise(m, cell.slack, target, point, room)
    counted(steps, m * d, room)
    return code, value
