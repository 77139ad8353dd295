"""Cells are counted through sections of hyperplanes: closed forms, cutting itself, and ties."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from counting_oracles import count_cells, count_vertices, dense, random_layers

import regions
from regions.counting.result import Status
from regions.counting.tree import cell, meeting, sections
from regions.counting.tree.certificates import nowhere_positive
from regions.counting.tree.frame import frame_of
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.simplex import FIXED, LOW, ROW


def tree_of(layers, half=1.0):
    net = dense(*layers)
    return halfspace_tree(frame_of(net, regions.Box.cube(net.input_size, -half, half)))


def by_cutting(layers, half=1.0):
    tree, root = tree_of(layers, half)
    return sum(map(len, tree.leaves(root)))


def batches(tree, root):
    """Yield (cutting, cells, forms) of the last layer."""
    waiting = [root]
    while waiting:
        batch = waiting.pop()
        if batch.stage < len(tree.stages) - 1:
            waiting += [child for child in tree.children(batch) if len(child)]
        else:
            forms, _ = tree.forms(batch)
            yield tree.geometry._cutting(batch.cells, forms), batch.cells, forms


@pytest.mark.parametrize(
    "widths", [(3, 9), (8, 12), (5, 6, 7), (9, 7, 7), (12, 5, 6, 5), (30, 6, 5)]
)
@pytest.mark.parametrize("half", [0.2, 1.0])
def test_sections_count_what_cutting_finds(rng, widths, half):
    layers = random_layers(rng, list(widths))
    tree, root = tree_of(layers, half)
    assert sum(tree.counts(root)) == by_cutting(layers, half)
    doubtful = [sections.Sections.of(cutting) for cutting, _, _ in batches(tree, root)]
    for through in doubtful:
        assert list(through.found()) is not None
        assert not through.doubtful.any()


@pytest.mark.parametrize("density", [0.2, 0.5])
@pytest.mark.parametrize("bias", [False, True])
def test_sections_count_what_cutting_finds_in_sparse_networks(rng, density, bias):
    for widths in ([4, 6, 6], [8, 6, 6]):
        layers = random_layers(rng, widths, density, bias)
        tree, root = tree_of(layers)
        assert sum(tree.counts(root)) == by_cutting(layers)


def test_many_hyperplanes_that_meet_are_counted_at_once(rng):
    # 90 hyperplanes close to the middle of a box in 100 dimensions: no enumeration ends
    layers = [(rng.normal(size=(90, 100)), 1e-3 * rng.normal(size=90))]
    found = count_cells(dense(*layers), regions.Box.cube(100, -1.0, 1.0))
    assert found.status is Status.EXACT
    assert found.count == 2**90


@pytest.mark.parametrize(("n", "d"), [(12, 3), (14, 5), (9, 8)])
def test_general_position_in_a_large_box(rng, n, d):
    layers = [(rng.normal(size=(n, d)), rng.normal(size=n))]
    tree, root = tree_of(layers, 1e4)
    assert sum(tree.counts(root)) == sum(comb(n, j) for j in range(d + 1))


def test_dependent_hyperplanes_are_left_to_cutting():
    # three lines through a point, a line twice, parallel lines
    three = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for weight, bias, cells, doubt in (
        (three, np.zeros(3), 6, True),
        (np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([0.1, 0.2]), 2, True),
        (np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([0.1, 0.3]), 3, False),
    ):
        tree, root = tree_of([(weight, bias)])
        assert sum(tree.counts(root)) == cells
        ((cutting, _, _),) = batches(tree, root)
        through = sections.Sections.of(cutting)
        assert list(through.found()) == [None]
        assert through.doubtful.any() == doubt
        assert through.total() <= cells


def test_what_is_counted_before_a_doubt_is_not_counted_twice():
    # the farthest of three parallel lines comes first; the others are one line
    layers = [(np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.array([-0.8, -0.1, -0.2]))]
    tree, root = tree_of(layers)
    ((cutting, _, _),) = batches(tree, root)
    through = sections.Sections.of(cutting)
    assert list(through.found()) == [None]
    assert through.doubtful.all()
    assert through.total() == 1
    assert list(tree.counts(root)) == [1, 2, 0]


def test_each_cell_has_as_many_children_as_are_cut(rng):
    layers = [*random_layers(rng, [5, 6]), (rng.integers(-1, 2, size=(6, 6)) * 1.0, np.zeros(6))]
    tree, root = tree_of(layers)
    for _, cells, forms in batches(tree, root):
        each = np.zeros(len(cells.points))
        for owner, _, _ in tree.geometry.children(cells, forms, 100):
            each += np.bincount(owner, minlength=len(each))
        assert (tree.geometry.count_each(cells, forms) == each).all()


def test_points_without_room_leave_cells_to_cutting(rng, monkeypatch):
    monkeypatch.setattr(sections, "_BYTES", 0)
    layers = random_layers(rng, [4, 5, 7])
    tree, root = tree_of(layers)
    assert sum(tree.counts(root)) == by_cutting(layers)


def test_work_is_interrupted_and_goes_on(rng):
    # one cell with much to count: the kernel comes back, and what it gives adds up
    layers = [(rng.normal(size=(22, 6)), rng.normal(size=22))]
    tree, root = tree_of(layers, 50.0)
    counts = list(tree.counts(root))
    assert len(counts) > 2
    box = regions.Box.cube(6, -50.0, 50.0)
    assert sum(counts) == count_vertices(dense(*layers), box).count


def square(d):
    """Return the cell that is all of a domain [-1, 1]^d, with room for a few rows."""
    sides = np.ones(d)
    domain = np.array([-sides, sides, -sides, sides, -sides, sides])
    rows, off = np.zeros((4, d + 1)), np.zeros((4, 4))
    return cell.Cell(rows, off, np.ones(4), -sides, sides, domain)


def meet(forms, start, off=0.0, rows=()):
    d, n = forms.shape[1] - 1, len(forms)
    space, room, found = square(d), meeting.meeting_of(n, d), np.array(start, dtype=float)
    for i, row in enumerate(rows):
        space.rows[i] = row
        space.slack[i] = row[:d] @ found + row[d]
    room.names[:] = np.arange(n)
    meeting.measure(space, len(rows), found, room)
    off_forms = np.full((n, 4), float(off))
    return meeting.meets(space, len(rows), n, forms, off_forms, room, found), found


def test_hyperplanes_meet_where_they_vanish(rng):
    for d in (2, 5, 9):
        for n in range(1, d + 1):
            at = rng.uniform(-0.5, 0.5, size=d)
            slopes = rng.normal(size=(n, d))
            forms = np.column_stack([slopes, -slopes @ at])
            sure, found = meet(forms, at + 0.05 * rng.normal(size=d))
            assert sure
            assert np.abs(forms[:, :d] @ found + forms[:, d]).max() < 1e-13


def test_what_does_not_meet_surely_is_not_certified():
    line, other = np.array([1.0, 1.0, 0.0]), np.array([1.0, -1.0, 0.5])
    assert meet(np.array([line, other]), [0.1, 0.2])[0]
    # dependent, too many, outside the domain, behind a row, on its hyperplane, too far off
    assert not meet(np.array([line, line]), [0.1, 0.2])[0]
    assert not meet(np.array([line, other, [1.0, 0.0, 0.25]]), [0.1, 0.2])[0]
    assert not meet(np.array([line, [1.0, -1.0, 5.0]]), [0.1, 0.2])[0]
    behind = np.array([1.0, 0.0, 0.2])
    assert not meet(np.array([line, other]), [0.1, 0.2], rows=[behind])[0]
    off = np.array([0.0, 0.0, 0.05])
    assert meet(np.array([line, other]), [0.1, 0.2], rows=[behind + 2 * off])[0]
    assert not meet(np.array([line, other]), [0.1, 0.2], rows=[behind + off])[0]
    assert not meet(np.array([line, other]), [0.1, 0.2], off=0.6)[0]


@pytest.mark.parametrize(("constant", "certain"), [(-0.5, True), (0.0, False), (0.5, False)])
def test_a_form_that_could_vanish_on_a_section_is_never_shown_to_miss_it(constant, certain):
    # x + y + constant on the section x + y = 0 of a square; without the section it does vanish
    space = square(2)
    space.rows[0] = 1.0, 1.0, 0.0
    room = cell.room_for(4, 2, cell.corner_of(2), np.zeros(3))
    room.corner.names[:], room.corner.kinds[:], room.corner.prices[:] = (0, 1), (FIXED, LOW), (1, 0)
    gain, off = np.array([1.0, 1.0, constant]), np.zeros(4)

    def shown():
        return nowhere_positive(gain, off, space, space.low, space.high, space.domain, room)

    assert shown() == certain
    # with a row's price alone it would have to be at most zero for the row's sign
    room.corner.kinds[0] = ROW
    assert not shown()
    # below a row that is positive inside, not positive is enough
    space.rows[0], room.corner.prices[0] = (-1.0, -1.0, 0.0), -1.0
    assert shown() == (constant <= 0.0)


def test_programs_are_counted(rng):
    tree, root = tree_of(random_layers(rng, [6, 6, 6]))
    found = sum(tree.counts(root))
    programs, steps = tree.geometry.work[1:]
    assert 0 < programs < 4 * found
    assert steps > programs
