"""Vertices placed by their facets: the bound holds against rational arithmetic, and is sharp."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from regions.counting.tree import corners, doubts, newton, signs
from regions.exact.scaled import Scaled
from regions.exact.solve import crossing


def _forms(rng, d, lean):
    """Return d forms with short coefficients; with `lean`, almost parallel ones."""
    common = rng.normal(size=d + 1)
    rows = common + rng.normal(size=(d, d + 1)) * (lean or 1.0)
    return [tuple(int(x) for x in row) for row in np.round(rows * 2.0**70).astype(object)]


def _placed(forms, near):
    d = len(forms)
    planes = np.array([corners._plane(form) for form in forms])
    vertex = np.append(near, [1.0, newton.NO_GRID, -1.0])
    mask, facets = np.array([2**d - 1], np.uint64), np.arange(64, dtype=np.int32)
    table = np.zeros((1, 1, d + signs.FORM_EXTRA))
    newton.sharpen(vertex, mask, facets, planes, table, d, newton.workspace(d))
    return vertex


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("lean", [0.0, 1e-3, 1e-9])
def test_the_bound_holds(rng, d, lean):
    for _ in range(20):
        forms = _forms(rng, d, lean)
        exact = doubts.vertex_of(crossing(forms))
        start = exact[: d + 1] * (1 + 1e-5 * rng.normal(size=d + 1))
        vertex = _placed(forms, start)
        free = np.argmax(np.abs(vertex[: d + 1]))
        # some positive multiple of the exact vertex lies within the bound
        scale = vertex[free] / exact[free]
        off = np.abs(exact[: d + 1] * scale - vertex[: d + 1]).max()
        assert off <= vertex[d + 1] + 1e-15
        if lean == 0.0 and d <= 3:
            assert vertex[d + 1] < 1e-9


def test_vertices_of_integers_are_what_they_say(rng):
    for bits in (3, 20, 40, 60, 200):
        for _ in range(50):
            point = tuple(int(x) for x in Scaled.of(rng.normal(size=4)).ints >> max(0, 60 - bits))
            point = (*point[:3], abs(point[3]) + 1)
            vertex = doubts.vertex_of(point)
            largest = max(map(abs, point))
            near = np.array([x / largest for x in point])
            scale = 1.0 / np.abs(vertex[:4]).max()
            assert np.abs(vertex[:4] * scale - near).max() <= vertex[4] * scale + 1e-15
            if vertex[5] < newton.NO_GRID:
                assert vertex[4] == 0.0
                whole = vertex[:4] * 2.0 ** vertex[5]
                assert (whole == np.round(whole)).all()
                for (a, b), (x, y) in zip(pairwise(whole), pairwise(point), strict=True):
                    assert int(a) * y == int(b) * x
