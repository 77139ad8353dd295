"""Counts by rational arithmetic on the same float64 weights, from nothing but integers.

A cell is a pointed cone: the rays of its homogeneous closure, integers, with the facets each lies
on. Cells are cut unit by unit; a whole space is taken by orthants, whose cells are told apart by
their patterns. Nothing here is shared with the package.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, count, product
from math import gcd

import numpy as np


def oracle(layers, domain, slopes=None, kind="activation"):
    """Return the number of regions of a chain of (W, b), the last pair being the output layer."""
    cells, d = all_cells(layers, domain, slopes)
    if kind == "pattern":
        return len(all_patterns(layers, domain, slopes))
    if kind == "activation":
        return len({pattern for _, pattern, _ in cells})
    maps = [tuple(out) for _, _, out in cells]
    if kind == "affine":
        return len(set(maps))
    if kind == "closed":
        sides = _open_sides(domain, len(layers[0][0][0]))
        pairs = combinations(range(len(cells)), 2)
        same = [(i, j) for i, j in pairs if maps[i] == maps[j]]
        touching = [(i, j) for i, j in same if _touch(cells[i][0], cells[j][0], sides, d)]
        return components(len(cells), touching)
    edges = graph_edges([cell for cell, _, _ in cells], d, maps)
    return components(len(cells), edges)


def all_patterns(layers, domain, slopes=None):
    """Return the patterns of all points of the open domain, of faces of every dimension too."""
    columns, _, d = _place(domain, len(layers[0][0][0]))
    sides = _open_sides(domain, len(layers[0][0][0]))
    found = set()
    for cell, _, _ in all_cells(layers, domain, slopes)[0]:
        for rays in _faces(cell):
            point = [sum(column) for column in zip(*rays, strict=True)]
            if all(sum(a * b for a, b in zip(side, point, strict=True)) > 0 for side in sides):
                at = [Fraction(x, point[d]) for x in point]
                inputs = [sum(a * b for a, b in zip(column, at, strict=True)) for column in columns]
                found.add(_pattern(layers, inputs, slopes or [0.0] * (len(layers) - 1)))
    return found


def _open_sides(domain, n0):
    """Return the forms that are positive inside the domain; the last one is not at infinity."""
    _, sides, d = _place(domain, n0)
    return [*sides, (*(0,) * d, 1)]


def _faces(cell):
    """Return the rays of every face of a pointed cone, the cone itself included."""
    names = set().union(*(facets for _, facets in cell))
    every = frozenset(range(len(cell)))
    facets = [frozenset(i for i in every if name in cell[i][1]) for name in names]
    found, left = {every}, [every]
    while left:
        face = left.pop()
        for facet in facets:
            smaller = face & facet
            if smaller and smaller not in found:
                found.add(smaller)
                left.append(smaller)
    return [[cell[i][0] for i in face] for face in found]


def _pattern(layers, values, slopes):
    """Return which units are positive at a point."""
    pattern = ()
    for (weight, bias), slope in zip(layers[:-1], slopes, strict=True):
        bias = np.zeros(len(weight)) if bias is None else bias
        values = [
            sum(Fraction(float(w)) * x for w, x in zip(row, values, strict=True) if w)
            + Fraction(float(b))
            for row, b in zip(weight, bias, strict=True)
        ]
        pattern += tuple(x > 0 for x in values)
        values = [x if x > 0 else Fraction(float(slope)) * x for x in values]
    return pattern


def _touch(one, two, sides, d):
    """Tell whether two cells' closures share a point inside the domain."""
    shared = [ray for ray, _ in one]
    for normal in _facet_normals(two, d):
        shared = _clip(shared, normal)
    if not shared:
        return False
    point = [sum(column) for column in zip(*shared, strict=True)]
    return all(sum(a * b for a, b in zip(side, point, strict=True)) > 0 for side in sides)


def oracle_edges(layers, domain, slopes=None):
    """Return how many pairs of regions share a facet (bounded domains)."""
    cells, d = all_cells(layers, domain, slopes)
    pairs = graph_edges([cell for cell, _, _ in cells], d)
    # a region that several orthants share comes in parts
    patterns = [{cells[i][1], cells[j][1]} for i, j in pairs]
    return len({frozenset(both) for both in patterns if len(both) == 2})


def all_cells(layers, domain, slopes=None):
    """Return [(cell, pattern, output map)] and the dimension of the domain.

    Output maps are integers over one power of two, the same for all cells.
    """
    columns, sides, d = _place(domain, len(layers[0][0][0]))
    layers = [_dyadic(weight, bias) for weight, bias in layers]
    slopes = [_power(slope) for slope in slopes or [0.0] * (len(layers) - 1)]
    found, names = [], count()
    for cell in _start(sides, d, names):
        stack = [(cell, *_common(columns), 0, ())]
        while stack:
            cell, values, places, layer, pattern = stack.pop()
            forms, places = _affine(layers[layer], values, places)
            if layer == len(layers) - 1:
                found.append((cell, pattern, [tuple(form) for form in forms]))
                continue
            parts = [(cell, ())]
            for form in forms:
                whole = _primitive(form)
                parts = [
                    (child, (*signs, active))
                    for part, signs in parts
                    for child, active in _cut(part, whole, next(names), d)
                ]
            slope, shift = slopes[layer]
            for part, signs in parts:
                after = [
                    [x << shift if active else slope * x for x in form]
                    for form, active in zip(forms, signs, strict=True)
                ]
                stack.append((part, after, places + shift, layer + 1, (*pattern, *signs)))
    return found, d


def wired_oracle(rows, slopes, domain, n0, kind="activation"):
    """Return the number of regions of a network whose units read any values before them.

    `rows` holds, for every ReLU layer and at last for the outputs, a form per unit: {value: number}
    with the constant as -1, the inputs first, and then all units in their order.
    """
    cells, d = wired_cells(rows, slopes, domain, n0)
    if kind == "activation":
        return len({pattern for _, pattern, _ in cells})
    edges = graph_edges([cell for cell, _, _ in cells], d, [out for _, _, out in cells])
    return components(len(cells), edges)


def wired_cells(rows, slopes, domain, n0):
    """Return [(cell, pattern, output map)] and the dimension of the domain; see `wired_oracle`."""
    columns, sides, d = _place(domain, n0)
    columns = [[Fraction(x) for x in column] for column in columns]
    found, names = [], count()
    for cell in _start(sides, d, names):
        stack = [(cell, columns, 0, ())]
        while stack:
            cell, values, layer, pattern = stack.pop()
            forms = [_mixed(row, values, d) for row in rows[layer]]
            if layer == len(rows) - 1:
                found.append((cell, pattern, tuple(map(tuple, forms))))
                continue
            parts = [(cell, ())]
            for form in forms:
                whole = _integers(form) if any(form) else tuple(form)
                parts = [
                    (child, (*signs, active))
                    for part, signs in parts
                    for child, active in _cut(part, whole, next(names), d)
                ]
            slope = Fraction(float(slopes[layer]))
            for part, signs in parts:
                after = [
                    form if active else [slope * x for x in form]
                    for form, active in zip(forms, signs, strict=True)
                ]
                stack.append((part, [*values, *after], layer + 1, (*pattern, *signs)))
    return found, d


def maxima_oracle(layers, domain, n0, kind="activation"):
    """Return the number of regions of a chain with maxima: the outputs' (W, b) come last.

    Layers are (W, b), "relu", or a list of windows, each a list of the values whose maximum it is.
    A maximum is cut by the differences of all pairs; its piece is the first value that is largest
    all over a cell.
    """
    columns, sides, d = _place(domain, n0)
    columns = [[Fraction(x) for x in column] for column in columns]
    found, names = [], count()
    for cell in _start(sides, d, names):
        stack = [(cell, columns, 0, ())]
        while stack:
            cell, values, layer, pattern = stack.pop()
            if layer == len(layers):
                found.append((cell, pattern, tuple(map(tuple, values))))
                continue
            for part, after, signs in _behind(layers[layer], cell, values, names, d):
                stack.append((part, after, layer + 1, (*pattern, *signs)))
    if kind == "activation":
        return len({pattern for _, pattern, _ in found})
    edges = graph_edges([cell for cell, _, _ in found], d, [out for _, _, out in found])
    return components(len(found), edges)


def _behind(layer, cell, values, names, d):
    """Yield (cell, values, pieces) for the cells into which a layer of a chain cuts a cell."""
    if isinstance(layer, tuple):
        weight, bias = layer
        rows = [{-1: Fraction(float(b)), **_row(w)} for w, b in zip(weight, bias, strict=True)]
        yield cell, [_mixed(row, values, d) for row in rows], ()
        return
    relu = layer == "relu"
    zero = [Fraction(0)] * (d + 1)
    sets = [[zero, value] for value in values] if relu else [[values[i] for i in w] for w in layer]
    parts = [(cell, (), [])]
    for inputs in sets:
        cells = [(part, pieces, after, ()) for part, pieces, after in parts]
        pairs = list(combinations(range(len(inputs)), 2))
        for i, j in pairs:
            form = [x - y for x, y in zip(inputs[j], inputs[i], strict=True)]
            whole = _integers(form) if any(form) else tuple(form)
            cells = [
                (child, pieces, after, (*larger, active))
                for part, pieces, after, larger in cells
                for child, active in _cut(part, whole, next(names), d)
            ]
        parts = []
        for part, pieces, after, larger in cells:
            beats = dict(zip(pairs, larger, strict=True))  # whether the second is larger
            best = 0
            for k in range(1, len(inputs)):
                best = k if beats[best, k] else best
            parts.append((part, (*pieces, best), [*after, inputs[best]]))
    for part, pieces, after in parts:
        yield part, after, pieces


def _row(weights):
    return {i: Fraction(float(w)) for i, w in enumerate(weights) if w}


def _mixed(row, values, d):
    """Return a form from those of the values that it reads."""
    form = [Fraction(0)] * d + [Fraction(row.get(-1, 0))]
    for value, number in row.items():
        if value >= 0 and number:
            form = [x + number * y for x, y in zip(form, values[value], strict=True)]
    return form


def _power(number):
    """Return (n, k) with number = n / 2^k, exactly."""
    exact = Fraction(float(number))
    return exact.numerator, exact.denominator.bit_length() - 1


def _common(rows):
    """Return dyadic fractions as integers over 2^places, and places."""
    places = max(Fraction(x).denominator.bit_length() - 1 for row in rows for x in row)
    return [[int(Fraction(x) * 2**places) for x in row] for row in rows], places


def _dyadic(weight, bias):
    weight = np.asarray(weight, dtype=float)
    bias = np.zeros(len(weight)) if bias is None else np.asarray(bias, dtype=float)
    rows, places = _common([[Fraction(float(x)) for x in row] for row in weight])
    return rows, places, [Fraction(float(x)) for x in bias]


def graph_edges(cells, d, maps=None):
    """Return the pairs of cells (with equal maps) whose closures meet in dimension d - 1."""
    edges, normals = [], {}
    for i, j in combinations(range(len(cells)), 2):
        if maps is not None and maps[i] != maps[j]:
            continue
        if j not in normals:
            normals[j] = _facet_normals(cells[j], d)
        if _meets(cells[i], normals[j], d):
            edges.append((i, j))
    return edges


def components(n, edges):
    """Return the number of connected components of a graph."""
    parent = list(range(n))

    def root(i):
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in edges:
        parent[root(i)] = root(j)
    return len({root(i) for i in range(n)})


def _place(domain, n0):
    """Return the inputs' forms in the domain's coordinates, its sides, and its dimension."""
    points = getattr(domain, "points", None)
    if points is None:
        start, directions = (
            [Fraction(0)] * n0,
            [[Fraction(int(i == j)) for j in range(n0)] for i in range(n0)],
        )
        box = domain
    else:
        exact = [[Fraction(float(x)) for x in point] for point in points]
        start = exact[0]
        directions = [[x - y for x, y in zip(p, start, strict=True)] for p in exact[1:]]
        box = domain.box
    d = len(directions)
    columns = [[*(direction[i] for direction in directions), start[i]] for i in range(n0)]
    sides = []
    if points is not None and domain.segment:
        sides = [[1, 0], [-1, 1]]
    elif box is not None:
        for i in range(n0):
            for bound, sign in ((box.low[i], 1), (box.high[i], -1)):
                if np.isfinite(bound):
                    form = [sign * x for x in columns[i]]
                    form[-1] -= sign * Fraction(float(bound))
                    sides.append(form)
    return columns, [_integers(side) for side in sides if any(side[:-1])], d


def _start(sides, d, names):
    """Yield the domain as pointed cones: orthants around 0, each cut by the sides."""
    for signs in product((1, -1), repeat=d):
        rays = [tuple(s * int(i == j) for j, s in enumerate((*signs, 1))) for i in range(d + 1)]
        facets = [next(names) for _ in range(d + 1)]
        cell = [(ray, frozenset(facets) - {facets[i]}) for i, ray in enumerate(rays)]
        for side in sides:
            kept = [part for part, active in _cut(cell, side, next(names), d) if active]
            if not kept:
                break
            cell = kept[0]
        else:
            yield cell


def _cut(cell, form, name, d):
    """Return [(part, active)]: the one or two full-dimensional parts of a cell."""
    values = [sum(a * b for a, b in zip(form, ray, strict=True)) for ray, _ in cell]
    if min(values) >= 0 or max(values) <= 0:
        touched = [
            (ray, facets | {name}) if value == 0 else (ray, facets)
            for (ray, facets), value in zip(cell, values, strict=True)
        ]
        return [(touched, max(values) > 0)]
    new = []
    for (i, p), (j, q) in product(enumerate(values), enumerate(values)):
        if p > 0 > q:
            shared = cell[i][1] & cell[j][1]
            if len(shared) < d - 1:
                continue
            if any(k not in (i, j) and shared <= other for k, (_, other) in enumerate(cell)):
                continue
            ray = _primitive([p * b - q * a for a, b in zip(cell[i][0], cell[j][0], strict=True)])
            new.append((ray, shared | {name}))
    zero = [(r, f | {name}) for (r, f), v in zip(cell, values, strict=True) if v == 0]
    above = [part for part, v in zip(cell, values, strict=True) if v > 0]
    below = [part for part, v in zip(cell, values, strict=True) if v < 0]
    return [(above + zero + new, True), (below + zero + new, False)]


def _meets(one, normals, d):
    """Tell whether a cell's closure and what normals bound share a set of dimension d - 1."""
    shared = [ray for ray, _ in one]
    for normal in normals:  # most pairs are apart
        values = [sum(a * b for a, b in zip(normal, ray, strict=True)) for ray in shared]
        if max(values) <= 0 and values.count(0) < d:
            return False
    for normal in normals:
        before, shared = shared, _clip(shared, normal)
        if len(shared) < d or (shared != before and _rank(shared) < d):
            return False
    return _rank(shared) == d


def _clip(rays, normal):
    """Return generators of the part of a cone where a form is not negative."""
    values = [sum(a * b for a, b in zip(normal, ray, strict=True)) for ray in rays]
    kept = [ray for ray, v in zip(rays, values, strict=True) if v >= 0]
    for (p, a), (q, b) in product(zip(values, rays, strict=True), repeat=2):
        if p > 0 > q:
            kept.append(_primitive([p * y - q * x for x, y in zip(a, b, strict=True)]))
    return list(dict.fromkeys(kept))


def _facet_normals(cell, d):
    """Return the inner normals of a cell's facets."""
    names = set().union(*(facets for _, facets in cell))
    normals = set()
    for name in names:
        rays = [ray for ray, facets in cell if name in facets]
        if _rank(rays) != d:
            continue
        normal = _orthogonal(rays)
        others = [sum(a * b for a, b in zip(normal, ray, strict=True)) for ray, _ in cell]
        sign = 1 if max(others) > 0 else -1
        normals.add(tuple(sign * x for x in normal))
    return normals


def _rank(rows):
    return len(_echelon(rows)[1])


def _orthogonal(rows):
    """Return the one integer vector, up to sign, that is orthogonal to the rows."""
    table, pivots = _echelon(rows)
    width = len(rows[0])
    (free,) = [j for j in range(width) if j not in pivots]
    vector = [Fraction(0)] * width
    vector[free] = Fraction(1)
    for row, j in zip(table, pivots, strict=False):
        vector[j] = Fraction(-row[free], row[j])
    return _integers(vector)


def _echelon(rows):
    """Return integer rows in which each pivot's column is zero but for the pivot, and its place."""
    table, pivots = list(rows), []
    for j in range(len(rows[0]) if rows else 0):
        at = next((i for i in range(len(pivots), len(table)) if table[i][j]), None)
        if at is None:
            continue
        k = len(pivots)
        table[k], table[at] = table[at], table[k]
        own = table[k]
        for i, row in enumerate(table):
            if i != k and row[j]:
                rest = [own[j] * x - row[j] * y for x, y in zip(row, own, strict=True)]
                table[i] = _primitive(rest)
        pivots.append(j)
    return table, pivots


def _affine(layer, values, places):
    """Return the forms of a layer as integers over a power of two, and its exponent."""
    rows, shift, bias = layer
    finest = max([x.denominator.bit_length() - 1 for x in bias] + [places + shift])
    width, forms = len(values[0]), []
    for row, constant in zip(rows, bias, strict=True):
        live = [(w, value) for w, value in zip(row, values, strict=True) if w]
        form = [
            sum(w * value[k] for w, value in live) << finest - places - shift for k in range(width)
        ]
        form[-1] += int(constant * 2**finest)
        forms.append(form)
    return forms, finest


def _integers(form):
    common = 1
    for x in form:
        denominator = Fraction(x).denominator
        common = common * denominator // gcd(common, denominator)
    return _primitive([int(Fraction(x) * common) for x in form])


def _primitive(numbers):
    common = gcd(*numbers)
    return tuple(x // common for x in numbers) if common > 1 else tuple(numbers)
