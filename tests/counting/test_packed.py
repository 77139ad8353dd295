"""Regions side by side are the regions that are listed."""

import gc
import pickle

import numpy as np
import pytest
from counting_oracles import dense, random_layers

import regions
from regions.counting.effort import Effort
from regions.counting.packed import Packed
from regions.counting.question import Question
from regions.counting.tree.enumerate import packed_of, tree_of

FIELDS = ("pattern", "point", "coordinates", "slope", "offset", "normals", "offsets", "units")


@pytest.fixture(params=["box", "slice", "space"])
def question(request, rng):
    net = dense(*random_layers(rng, [3, 6, 5, 2]))
    flat = regions.Slice.through(rng.normal(size=(3, 3)), regions.Box.cube(3, -9.0, 9.0))
    domains = {"box": regions.Box.cube(3, -1.0, 1.0), "slice": flat, "space": None}
    return Question(net, domains[request.param])


def joined(question):
    return Packed.joined(packed_of(question, Effort(), *tree_of(question, Effort())))


def test_every_region_is_that_of_the_list(question):
    packed, listed = (
        joined(question),
        list(regions.enumerate_regions(question.net, question.domain)),
    )
    assert len(packed) == len(listed) > 20
    np.testing.assert_array_equal(packed.patterns, [region.pattern for region in listed])
    for i, (own, known) in enumerate(zip(packed, listed, strict=True)):
        for name in FIELDS:
            mine, its = getattr(own, name), getattr(known, name)
            assert mine.dtype == its.dtype
            np.testing.assert_array_equal(mine, its)
            # points of a slice are products of one row here and of many there
            np.testing.assert_allclose(getattr(packed.region(i), name), its, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(
            own.A @ own.point + own.c, question.net(own.point[None])[0], atol=1e-9
        )


def test_a_region_is_one_object_as_long_as_it_is_held(question):
    packed = joined(question)
    held = packed.region(3)
    assert packed.region(3) is held and packed.region(4) is not held
    number = id(held.pattern.base), len(packed._known)
    del held
    gc.collect()
    assert number[1] == 1 and len(packed._known) == 0


def test_parts_of_any_size_join_to_the_same_columns(question):
    (whole,) = [joined(question)]

    def part(start, stop):
        first, last = whole.starts[[start, stop]]
        rows, facets = slice(start, stop), slice(first, last)
        own = {name: getattr(whole, name)[facets] for name in ("normals", "offsets", "units")}
        names = ("bits", "coordinates", "slopes", "constants", "facets")
        own |= {name: getattr(whole, name)[rows] for name in names}
        return Packed(net=whole.net, domain=whole.domain, **own)

    ends = [0, 1, 1, 3, 10, len(whole)]
    again = Packed.joined(map(part, ends, ends[1:]))
    for name in ("bits", "coordinates", "slopes", "constants", "normals", "offsets", "units"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    copied = pickle.loads(pickle.dumps(whole))
    np.testing.assert_array_equal(copied.starts, whole.starts)
    np.testing.assert_array_equal(copied.region(7).normals, whole.region(7).normals)
