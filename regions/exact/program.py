"""Linear programs over the integers: the sign of a largest value, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from regions.exact.scaled import primitive
from regions.exact.solve import eliminate

Form = tuple[int, ...]


def dominated(rows: Sequence[Form], gain: Form) -> bool:
    """Tell whether some independent rows show that a gain is nowhere positive where they are not.

    They do if ``gain + sum_i m_i rows_i`` is a constant of at most zero for multipliers m >= 0.

    Examples
    --------
    >>> dominated([(1, 0, 0), (0, 1, 0)], (-2, -1, 0)), dominated([(1, 0, 0)], (-1, 0, 1))
    (True, False)
    """
    count, d = len(rows), len(gain) - 1
    table = [[*(row[k] for row in rows), -gain[k]] for k in range(d)]
    found = eliminate(table, count, count)
    if found is None or any(row[count] for row in table[count:]):
        return False
    weights, (pivots, scale) = [0] * count, found
    for pivot, row in zip(pivots, table, strict=False):
        weights[pivot] = row[count] if scale > 0 else -row[count]
    rest = abs(scale) * gain[d] + sum(w * row[d] for w, row in zip(weights, rows, strict=True))
    return min(weights, default=0) >= 0 and rest <= 0


def farthest(
    rows: Sequence[Form],
    gain: Form,
    start: Sequence[int],
    check: Callable[[], None] = lambda: None,
) -> tuple[Form, list[int]]:
    """Return where a gain is largest on a bounded polytope, and the rows that stop it there.

    The point is given by homogeneous integers.

    The criss-cross method [1]_ needs no feasible start, so a basis found in floating point can be
    the first one; the table holds integers over one denominator throughout.

    Parameters
    ----------
    rows : sequence of forms
        The polytope is where none is negative.
    gain : form
    start : sequence of int
        Rows that are likely to vanish at the point sought; others fill the basis up.
    check : callable
        Called at every step: it raises when time is up.

    Examples
    --------
    >>> square = [(1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1)]
    >>> farthest(square, (1, 2, 0), [])
    ((1, 1, 1), [1, 3])

    References
    ----------
    .. [1] T. Terlaky, A convergent criss-cross method, Optimization 16 (1985),
       doi:10.1080/02331938508843067.
    """
    d = len(gain) - 1
    # coordinates are the variables 0 .. d - 1, row i is d + i; the last two rows are the gain's
    # and, until the end, nobody's
    order = [*dict.fromkeys([*start, *range(len(rows))])]
    rank = {d + row: place for place, row in enumerate(order)}
    table = _Table([list(row) for row in rows], list(gain), d)
    for row in order:
        if all(name >= d for name in table.columns):
            break
        check()
        table.enter(d + row)
    table.forget_coordinates()
    while True:
        check()
        move = table.crossing(rank)
        if move is None:
            return primitive(table.point()), table.stops()
        table.pivot(*move)


class _Table:
    """``scale * (basic variable) = row . (nonbasic variables, 1)``, all in integers."""

    def __init__(self, rows: list[list[int]], gain: list[int], d: int) -> None:
        self.scale, self.d = 1, d
        self.table = [*rows, gain]
        self.names = [d + i for i in range(len(rows))]
        self.columns = list(range(d))
        self.coordinates: list[tuple[int, list[int]]] = []

    def enter(self, name: int) -> None:
        """Swap a row for a coordinate that is still nonbasic, if it depends on one."""
        row = self.names.index(name)
        for column, other in enumerate(self.columns):
            if other < self.d and self.table[row][column]:
                self.pivot(row, column)
                return

    def forget_coordinates(self) -> None:
        """Put the coordinates, which are free, behind the gain."""
        kept = [i for i, name in enumerate(self.names) if name >= self.d]
        free = {name: self.table[i] for i, name in enumerate(self.names) if name < self.d}
        gain = self.table[len(self.names)]
        behind = [free[k] for k in range(self.d)]
        self.table = [*(self.table[i] for i in kept), gain, *behind]
        self.names = [self.names[i] for i in kept]

    def pivot(self, row: int, column: int) -> None:
        """Swap a basic and a nonbasic variable."""
        table, scale = self.table, self.scale
        source = table[row]
        pivot = source[column]
        sign = 1 if pivot > 0 else -1
        for i, other in enumerate(table):
            if i == row:
                continue
            factor = other[column]
            if factor:
                new = [
                    (pivot * x - factor * y) // scale for x, y in zip(other, source, strict=True)
                ]
                new[column] = factor
            else:
                new = [pivot * x // scale for x in other]
            table[i] = new if sign > 0 else [-x for x in new]
        new = [-x for x in source]
        new[column] = scale
        table[row] = new if sign > 0 else [-x for x in new]
        self.scale = abs(pivot)
        if row < len(self.names):
            self.names[row], self.columns[column] = self.columns[column], self.names[row]

    def crossing(self, rank: dict[int, int]) -> tuple[int, int] | None:
        """Return the next pivot (row, column) under the least-index rule, None at the optimum."""
        gain = self.table[len(self.names)]
        best, at, primal = len(rank), -1, False
        for i, name in enumerate(self.names):
            if self.table[i][-1] < 0 and rank[name] < best:
                best, at, primal = rank[name], i, True
        for j, name in enumerate(self.columns):
            if gain[j] > 0 and rank[name] < best:
                best, at, primal = rank[name], j, False
        if at < 0:
            return None
        if primal:
            row = self.table[at]
            column = min(
                (j for j in range(self.d) if row[j] > 0), key=lambda j: rank[self.columns[j]]
            )
            return at, column
        row = min(
            (i for i in range(len(self.names)) if self.table[i][at] < 0),
            key=lambda i: rank[self.names[i]],
        )
        return row, at

    def stops(self) -> list[int]:
        """Return the rows that would have to give way for more gain."""
        gain = self.table[len(self.names)]
        return sorted(name - self.d for j, name in enumerate(self.columns) if gain[j])

    def point(self) -> list[int]:
        """Return the coordinates where all nonbasic variables vanish, homogeneous."""
        first = len(self.names) + 1
        return [*(row[-1] for row in self.table[first:]), self.scale]
