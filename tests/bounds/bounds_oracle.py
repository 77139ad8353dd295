"""Independent counts on tiny networks: sign patterns one by one, decided by linear programs."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

BOX = 50.0
EPS = 1e-7


class Hidden(NamedTuple):
    """One ReLU layer: the first `units` rows are preactivations, the rest is carried."""

    matrix: np.ndarray
    bias: np.ndarray
    units: int
    slope: float = 0.0


class Cell(NamedTuple):
    """A full-dimensional activation region inside the box: rows (a, c) with a.x + c > 0."""

    sides: np.ndarray
    state: np.ndarray


def mlp(rng, masks, slope=0.0):
    """Random weights and biases on the given masks."""
    return [
        Hidden(rng.normal(size=m.shape) * m, rng.normal(size=m.shape[0]), m.shape[0], slope)
        for m in masks
    ]


def inner_point(sides, dim):
    """The centre and radius of the largest ball in all sides and the box; None if it is none."""
    sides = np.asarray(sides, dtype=float).reshape(-1, dim + 1)
    norms = np.linalg.norm(sides[:, :dim], axis=1)
    cost = np.zeros(dim + 1)
    cost[-1] = -1.0
    found = linprog(
        cost,
        A_ub=np.column_stack([-sides[:, :dim], norms]),
        b_ub=sides[:, dim],
        bounds=[(-BOX, BOX)] * dim + [(0.0, BOX)],
        method="highs",
    )
    return found.x if found.status == 0 and found.x[-1] > EPS else None


def cells(layers, dim):
    """All full-dimensional activation regions in the box."""
    start = np.column_stack([np.eye(dim), np.zeros(dim)])
    yield from _split([], np.append(np.zeros(dim), BOX), start, layers, dim)


def _split(sides, ball, state, layers, dim):
    if not layers:
        yield Cell(np.array(sides).reshape(-1, dim + 1), state)
        return
    layer, *later = layers
    maps = layer.matrix @ state
    maps[:, dim] += layer.bias
    for active, sides_now, ball_now in _signs(sides, ball, maps[: layer.units], dim):
        after = maps.copy()
        after[: layer.units] *= np.where(active, 1.0, layer.slope)[:, None]
        yield from _split(sides_now, ball_now, after, later, dim)


def _signs(sides, ball, maps, dim):
    """All sign vectors of the units on the cell, each with a ball inside."""
    if not len(maps):
        yield np.zeros(0, dtype=bool), sides, ball
        return
    row, rest = maps[0], maps[1:]
    if np.abs(row[:dim]).max() < 1e-12:
        for tail in _signs(sides, ball, rest, dim):
            yield np.concatenate([[row[dim] > 0], tail[0]]), *tail[1:]
        return
    away = (row[:dim] @ ball[:dim] + row[dim]) / np.linalg.norm(row[:dim])
    for sign in (1.0, -1.0):
        grown = [*sides, sign * row]
        room = min(ball[dim], sign * away)  # a ball there needs no program
        inside = np.append(ball[:dim], room) if room > EPS else inner_point(grown, dim)
        if inside is not None:
            for tail in _signs(grown, inside, rest, dim):
                yield np.concatenate([[sign > 0], tail[0]]), *tail[1:]


def activation_regions(layers, dim):
    return sum(1 for _ in cells(layers, dim))


def affine_pieces(layers, output, dim):
    """Maximal connected sets with one affine map: cells merged across shared facets."""
    found = list(cells(layers, dim))
    maps = [output @ cell.state for cell in found]
    parent = list(range(len(found)))

    def root(i):
        while parent[i] != i:
            i = parent[i]
        return i

    for i, j in itertools.combinations(range(len(found)), 2):
        if np.allclose(maps[i], maps[j], atol=1e-9) and _share_facet(found[i], found[j], dim):
            parent[root(i)] = root(j)
    return sum(1 for i in range(len(found)) if parent[i] == i)


def _share_facet(one, other, dim):
    unit = [c.sides / np.linalg.norm(c.sides[:, :dim], axis=1, keepdims=True) for c in (one, other)]
    for wall in unit[0]:
        opposite = np.abs(unit[1] + wall).max(axis=1) < 1e-9
        if opposite.any() and _meet(wall, unit, dim):
            return True
    return False


def _meet(wall, unit, dim):
    """Whether both cells have interior points of the wall in common."""
    basis = np.linalg.svd(wall[None, :dim])[2][1:]
    origin = -wall[dim] * wall[:dim]
    inside = []
    for sides in unit:
        same = (np.abs(sides - wall).max(axis=1) < 1e-9) | (np.abs(sides + wall).max(axis=1) < 1e-9)
        inside.append(sides[~same])
    sides = np.vstack(inside)
    local = np.column_stack([sides[:, :dim] @ basis.T, sides[:, :dim] @ origin + sides[:, dim]])
    flat = np.abs(local[:, :-1]).max(axis=1, initial=0.0) < 1e-12
    if (local[flat, -1] <= EPS).any():
        return False
    if dim == 1:
        return True
    return inner_point(local[~flat], dim - 1) is not None
