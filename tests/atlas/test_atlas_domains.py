"""Planes and lines: through test images, inside the pixel box, the same for a seed."""

from dataclasses import replace

import numpy as np
import pytest

from regions.atlas.domains import draw_lines, draw_planes, pixel_box
from regions.errors import DataError
from regions.training import Split, load_data


@pytest.fixture(scope="module")
def data():
    return load_data("digits")


def rows_of(data, points):
    """The numbers of the test images that are these points."""
    flat = data.test.inputs.reshape(len(data.test), -1)
    return [int(np.flatnonzero((flat == point).all(axis=1))[0]) for point in points]


def test_planes_run_through_images_of_three_classes_inside_the_box(data):
    box = pixel_box(data)
    for plane in draw_planes(data, box, 4, np.random.default_rng(0)):
        assert len(set(data.test.labels[rows_of(data, plane.points)])) == 3
        assert (plane.points >= box.low).all() and (plane.points <= box.high).all()
        assert plane.dimension == 2 and plane.bounded


def test_lines_join_two_classes_and_take_every_pair_once(data):
    lines = draw_lines(data, 45, np.random.default_rng(0))
    pairs = [tuple(sorted(data.test.labels[rows_of(data, line.points)])) for line in lines]
    assert len(set(pairs)) == 45 and all(a != b for a, b in pairs)


def test_the_box_is_the_range_of_each_channel(data):
    inputs = np.random.default_rng(0).random((6, 2, 3, 3)).astype(np.float32)
    inputs[:, 1] = 0.5
    part = Split(inputs, np.arange(6))
    none = Split(inputs[:0], np.arange(0))
    box = pixel_box(
        replace(data, train=part, validation=none, test=part, image_shape=inputs.shape[1:])
    )
    assert box.low[0] == inputs[:, 0].min() and box.high[8] == inputs[:, 0].max()
    assert (box.low[9:] == 0.5).all() and (box.high[9:] > 0.5).all()


def test_images_that_span_nothing_are_refused(data):
    same = replace(data, test=Split(data.test.inputs[[0] * 6], np.arange(6)))
    with pytest.raises(DataError, match="alike"):
        draw_planes(same, pixel_box(data), 1, np.random.default_rng(0))
    one = replace(data, test=Split(data.test.inputs[:6], np.zeros(6, dtype=int)))
    with pytest.raises(DataError, match="one class"):
        draw_lines(one, 1, np.random.default_rng(0))
