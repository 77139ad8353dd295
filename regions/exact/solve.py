"""Linear algebra and orientation over the integers."""

from __future__ import annotations

from collections.abc import Sequence

from regions.exact.scaled import primitive

Form = tuple[int, ...]


def value(form: Sequence[int], point: Sequence[int]) -> int:
    """Return a form's value at a homogeneous point: positive where the form is.

    >>> value((1, 0, -1), (3, 5, 2))
    1
    """
    return sum(a * b for a, b in zip(form, point, strict=True))


def sign(number: int) -> int:
    """Return -1, 0 or 1."""
    return (number > 0) - (number < 0)


def crossing(forms: Sequence[Form]) -> Form | None:
    """Return the homogeneous point where d or more forms in d coordinates vanish, or None.

    Its last coordinate is positive, or 0 at infinity (then a direction, its sign is arbitrary).
    None if no d of the forms are independent; all must vanish where d independent ones do.

    Examples
    --------
    >>> crossing([(1, 0, -1), (0, 2, -1)])
    (2, 1, 2)
    """
    width = len(forms[0])
    if width == 2:
        a, c = forms[0]
        point = [-c, a]
    elif width == 3 and len(forms) == 2:
        (a, b, c), (d, e, f) = forms
        point = [b * f - c * e, c * d - a * f, a * e - b * d]
    else:
        found = _null_vector([list(form) for form in forms], width)
        if found is None:
            return None
        point = found
    if not any(point):
        return None
    if point[-1] < 0:
        point = [-number for number in point]
    return primitive(point)


def eliminate(rows: list[list[int]], columns: int, rank: int) -> tuple[list[int], int] | None:
    """Solve integer rows for `rank` of their first columns, in place and without fractions.

    Returns these columns, row by row, and the number that each has there (all others have 0);
    None if the rows have no such rank in the columns [1]_.

    .. [1] E. H. Bareiss, Sylvester's identity and multistep integer-preserving Gaussian
       elimination, Math. Comp. 22 (1968), doi:10.1090/S0025-5718-1968-0226829-0.

    >>> rows = [[2, 1, 4], [1, 1, 3]]
    >>> eliminate(rows, 2, 2), rows
    (([0, 1], 1), [[1, 0, 1], [0, 1, 2]])
    """
    pivots: list[int] = []
    previous = 1
    for step in range(rank):
        free = [j for j in range(columns) if j not in pivots]
        places = ((i, j) for i in range(step, len(rows)) for j in free if rows[i][j])
        found = next(places, None)
        if found is None:
            return None
        i, j = found
        rows[step], rows[i] = rows[i], rows[step]
        pivots.append(j)
        row, pivot = rows[step], rows[step][j]
        for k, other in enumerate(rows):
            if k != step:
                factor = other[j]
                rows[k] = [
                    (pivot * x - factor * y) // previous for x, y in zip(other, row, strict=True)
                ]
        previous = pivot
    return pivots, previous


def _null_vector(rows: list[list[int]], width: int) -> list[int] | None:
    """Return the null vector of `width` - 1 independent ones of integer rows, or None."""
    found = eliminate(rows, width, width - 1)
    if found is None:
        return None
    pivots, scale = found
    free = next(j for j in range(width) if j not in pivots)
    point = [0] * width
    # these rows now read scale * x[pivot] + row[free] * x[free] = 0
    point[free] = scale
    for row, j in zip(rows, pivots, strict=False):
        point[j] = -row[free]
    return point
