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
def _entering(table, gains, sign, nonbasic, down, up, tolerance, bland):
    """Return the column whose move raises the objective fastest (first one under Bland)."""
    best, column = tolerance, -1
    for k in range(nonbasic.size):
        gain, variable = sign * table[gains, k], nonbasic[k]
        room = up[variable] if gain > 0 else -down[variable]
        if abs(gain) > best and room > 0.0:
            column = k
            if bland:
                break
            best = abs(gain)
    return column


@kernel(**FAST)
def _leaving(table, m, basic, down, up, column, direction, step):
    """Return (row, step): the basic variable that stops the move first, or -1."""
    row, rate_at_row = -1, 0.0
    for i in range(m):
        rate = table[i, column] * direction
        if abs(rate) <= _PIVOT:
            continue
        room = up[basic[i]] if rate > 0 else down[basic[i]]
        limit = max(room / rate, 0.0)
        # among ties the largest pivot keeps the table accurate
        if limit < step or (limit == step and row >= 0 and abs(rate) > rate_at_row):
            row, step, rate_at_row = i, limit, abs(rate)
    return row, step


@kernel(**FAST)
def pivot(table, height, row, column):
    pivot, width = 1.0 / table[row, column], table.shape[1]
    for k in range(width):
        table[row, k] *= -pivot
    table[row, column] = pivot
    for i in range(height):
        factor = table[i, column]
        if i != row and factor != 0.0:
            table[i, column] = 0.0
            for k in range(width):
                table[i, k] += factor * table[row, k]


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
    down, up, kinds = room.down, room.up, room.corner.kinds
    d = point.size
    # every variable, structural or slack, has the room to move down and up from where it is
    for i in range(m):
        down[d + i], up[d + i], room.basic[i] = -slack[i], np.inf, d + i
    for k in range(d):
        point[k], kinds[k], room.nonbasic[k] = 0.0, FREE, k
    return climb(m, m + 1, m, 1.0, 0.0, target, point, room)


@kernel(**FAST)
def climb(m, height, gains, sign, value, target, point, room):
    """Go on from where the variables are (see `maximise`), and raise one of the table's rows.

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
    names, kinds, prices = room.corner
    table, down, up, basic, nonbasic = room.table, room.down, room.up, room.basic, room.nonbasic
    d, size = point.size, 0.0
    for k in range(d):
        size = max(size, abs(table[gains, k]))
    tolerance, limit = _GAIN * size, 20 * (m + d) + 50
    for step_number in range(limit):
        bland = step_number > limit // 2
        column = _entering(table, gains, sign, nonbasic, down, up, tolerance, bland)
        if column < 0:
            for k in range(d):
                names[k] = nonbasic[k] - d if kinds[k] >= ROW else nonbasic[k]
                prices[k] = sign * table[gains, k]
            return OPTIMAL, value, step_number
        gain, variable = sign * table[gains, column], nonbasic[column]
        direction = 1.0 if gain > 0 else -1.0
        free = up[variable] if gain > 0 else -down[variable]
        row, step = _leaving(table, m, basic, down, up, column, direction, free)
        move = direction * step
        if variable < d:
            point[variable] += move
        down[variable] -= move
        up[variable] -= move
        for i in range(m):
            change = table[i, column] * move
            moved = basic[i]
            down[moved] = min(down[moved] - change, 0.0)
            up[moved] = max(up[moved] - change, 0.0)
            if moved < d:
                point[moved] += change
        value += gain * move
        if row >= 0:
            stopped = basic[row]
            if table[row, column] * direction > 0:
                up[stopped], kinds[column] = 0.0, HIGH
            else:
                down[stopped], kinds[column] = 0.0, LOW
            if stopped >= d:
                kinds[column] = ROW
            pivot(table, height, row, column)
            nonbasic[column], basic[row] = stopped, variable
        elif direction > 0:
            up[variable], kinds[column] = 0.0, HIGH
        else:
            down[variable], kinds[column] = 0.0, LOW
        if value > target:
            return REACHED, value, step_number + 1
    return FAILED, value, limit


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
