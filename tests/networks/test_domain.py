"""Boxes and slices: coordinates, half-spaces, and refusal of what has no inside."""

import numpy as np
import pytest

from regions import Box, Slice
from regions.errors import DomainError


def test_a_slice_holds_its_points():
    points = np.random.default_rng(0).standard_normal((4, 9))
    flat = Slice.through(points)
    assert flat.dimension == 3 and flat.input_size == 9 and not flat.bounded
    np.testing.assert_allclose(flat.basis @ flat.basis.T, np.eye(3), atol=1e-12)
    coordinates = (points - flat.origin) @ flat.basis.T
    np.testing.assert_allclose(flat.embed(coordinates), points, atol=1e-12)


def test_two_points_without_a_box_are_a_segment():
    start, end = np.array([[1.0, 2.0], [4.0, -2.0]])
    segment = Slice.through([start, end])
    rows, limits = segment.halfspaces()
    assert segment.bounded and segment.segment
    for share, inside in [(0.0, True), (0.5, True), (1.0, True), (-0.01, False), (1.01, False)]:
        z = (start + share * (end - start) - segment.origin) @ segment.basis.T
        assert bool((rows @ z <= limits + 1e-12).all()) is inside


def test_a_box_clips_the_whole_span():
    line = Slice.through([[0.25, 0.5], [0.5, 0.5]], box=Box.cube(2, 0.0, 1.0))
    rows, limits = line.halfspaces()
    ends = sorted((limits / rows[:, 0]) * np.sign(line.basis[0, 0]))
    np.testing.assert_allclose([end + 0.25 for end in ends], [0.0, 1.0])
    assert line.bounded and not line.segment


def test_open_sides():
    assert not Box.cube(2, -np.inf, 1.0).bounded
    strip = Box([-np.inf, 0.0], [np.inf, 1.0])
    assert not Slice.through([[0, 0.2], [1, 0.2]], box=strip).bounded
    assert Slice.through([[0, 0.2], [0, 0.3]], box=strip).bounded
    assert not Slice.through(np.eye(3)[:, :2], box=strip).bounded
    quarter = Box([0.0, 0.0, 0.0], [np.inf] * 3)
    assert Slice.through(np.eye(3), box=quarter).bounded  # the standard simplex


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Box([0, 0], [1, 0]), "flat"),
        (lambda: Box([0, 2], [1, 1]), "low\\[1\\]"),
        (lambda: Box([0], [1, 1]), "agree"),
        (lambda: Box([[0]], [[1]]), "shape"),
        (lambda: Box([np.nan], [1]), "NaN"),
        (lambda: Slice.through([[0.0, 1.0]]), "two points"),
        (lambda: Slice.through([[0.0, 1.0], [0.0, 1.0]]), "coincide"),
        (lambda: Slice.through([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), "line"),
        (lambda: Slice.through(np.eye(4)[:, :2]), "do not span"),
        (lambda: Slice.through([[0.0, np.inf], [1.0, 1.0]]), "finite"),
        (lambda: Slice.through([[0.0, 0.0], [1.0, 1.0]], box=Box.cube(3, 0, 1)), "box has 3"),
        (lambda: Slice.through([[2.0, 0.0], [2.0, 1.0]], box=Box.cube(2, 0, 1)), "not meet"),
        (lambda: Slice.through([[2.0, 0.0], [0.0, 2.0]], box=Box.cube(2, 0, 1)), "not meet"),
    ],
)
def test_domains_without_an_inside_are_refused(make, message):
    with pytest.raises(DomainError, match=message):
        make()
