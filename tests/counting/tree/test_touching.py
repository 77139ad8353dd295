"""Closed cells of one map that share a point of the open domain are one piece."""

from __future__ import annotations

import numpy as np
import pytest

import regions
from regions.counting.effort import Effort
from regions.counting.question import Question
from regions.counting.tree.touching import closed_pieces

SQUARE = regions.Box.cube(2, -1.0, 1.0)


def counts(layers, domain, kinds=("linear", "closed", "affine")):
    net = regions.as_network(layers)
    return [regions.count_regions(net, domain, "cells", kind=kind).count for kind in kinds]


def test_pieces_that_meet_in_one_point():
    # relu(min(x, -y)) + relu(min(-x, y)) is zero on two quadrants, which meet in the origin alone
    first = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 1.0], [-1.0, -1.0]])
    second = np.array([[1.0, -1.0, -1.0, 0.0], [-1.0, 1.0, 0.0, -1.0]])
    layers = [(first, np.zeros(4)), (second, np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
    assert counts(layers, SQUARE) == [6, 5, 5]


def test_pieces_that_meet_outside_of_the_open_domain_stay_apart():
    # relu(1 - x - |y|) is zero on two triangles, which meet in a point of the rim alone
    first = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    second = np.array([[-1.0, 1.0, -1.0, -1.0]])
    layers = [(first, np.zeros(4)), (second, np.ones(1)), (np.ones((1, 1)), np.zeros(1))]
    assert counts(layers, SQUARE) == [4, 4, 3]
    assert counts(layers, regions.Box([-1.0, -1.0], [1.5, 1.0])) == [3, 3, 3]


def test_pieces_of_one_map_that_nowhere_meet_are_two():
    # a tent is zero on both sides
    layers = [(np.ones((3, 1)), -np.arange(3.0)), (np.array([[1.0, -2.0, 1.0]]), np.zeros(1))]
    assert counts(layers, regions.Box([-1.0], [3.0])) == [4, 4, 3]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0)])
def test_a_chain_of_cells_is_one_piece_in_any_order(order):
    # of nine squares those on the diagonal are said to have one map
    first = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    net = regions.as_network(
        [(first, np.array([0.5, -0.5, 0.5, -0.5])), (np.ones((1, 4)), np.zeros(1))]
    )
    found = {
        tuple(int(region.pattern[2 * i : 2 * i + 2].sum()) for i in range(2)): region
        for region in regions.enumerate_regions(net, SQUARE)
    }
    diagonal = [found[i, i] for i in order]
    others = [region for (i, j), region in found.items() if i != j]
    question, effort = Question.of(net, SQUARE), Effort()
    pieces, names = np.arange(9), np.append(np.zeros(3, dtype=int), np.arange(1, 7))
    assert closed_pieces(question, diagonal + others, pieces, names, effort) == 7
    # the control: two corners without the middle do not meet
    ends = [found[0, 0], found[2, 2]]
    assert closed_pieces(question, ends, np.arange(2), np.zeros(2, dtype=int), effort) == 2
