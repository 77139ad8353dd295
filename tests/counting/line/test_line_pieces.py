"""A part of a piece of a line is what the network makes of that part of the line."""

from __future__ import annotations

import numpy as np
import pytest
from counting_oracles import dense, random_layers

import regions
from regions.counting.line.knots import line_frame
from regions.counting.line.pieces import Pushed, width_of
from regions.counting.line.stretch import Stretch
from regions.counting.line.walk import Walker, _behind


@pytest.fixture
def pushed(rng):
    """A piece with knots between its ends, before the last layer of a network."""
    layers = random_layers(rng, [3, 9, 8, 6, 2])
    net = dense(*layers)
    line = regions.Slice.through(rng.normal(size=(2, 3)) * 2, regions.Box.cube(3, -3.0, 3.0))
    walker = Walker(net, Stretch(net, line_frame(net, line), 0), True, None)
    stack = [walker.piece(-1.0, 1.0)]
    while True:
        piece = walker.push(stack.pop())
        if piece.layer == walker.last - 1 and len(piece.columns) >= 3:
            return layers, walker, piece
        stack += _behind(walker, piece)


def at(walker, layers, piece: Pushed, places):
    """The network's preactivations of the piece's layer at some places."""
    values, factors = walker.stretch.inputs(np.array(places))
    for weight, bias in layers[: piece.layer]:
        values = np.maximum(values @ weight.T + np.outer(factors, bias), 0)
    weight, bias = layers[piece.layer]
    return values @ weight.T + np.outer(factors, bias)


def test_a_part_has_the_values_of_the_network_at_its_ends(pushed):
    layers, walker, piece = pushed
    places, gaps = piece.knots.places, len(piece.columns)
    for low in range(gaps + 1):
        for high in range(low, gaps + 1):
            first = places[low] * 0.7 + places[low + 1] * 0.3
            last = places[high] * 0.2 + places[high + 1] * 0.8
            part = piece.part(low, high, first, last)
            right = at(walker, layers, piece, [first, last])
            off = np.abs(part.ends[piece.end] - right)
            assert (off <= 2 * part.errors[piece.end]).all() and part.errors[piece.end].max() < 1e-9
            assert part.knots.places[[0, -1]].tolist() == [first, last]
            assert len(part.columns) == high - low and part.width == width_of(high - low)
            assert (part.active == piece.pattern(low)).all()
            for gap in range(high - low + 1):
                assert (part.pattern(gap) == piece.pattern(low + gap)).all()


def test_a_part_of_a_part_is_a_part(pushed):
    _, _, piece = pushed
    places, gaps = piece.knots.places, len(piece.columns)
    ends = [places[k : k + 2] @ [0.4, 0.6] for k in range(gaps + 1)]
    once = piece.part(1, gaps - 1, ends[1], ends[gaps - 1])
    twice = piece.part(0, gaps, ends[0], ends[gaps]).part(1, gaps - 1, ends[1], ends[gaps - 1])
    assert np.abs(once.ends[piece.end] - twice.ends[piece.end]).max() < 1e-12
    assert once.knots.places.tolist() == twice.knots.places.tolist()
    kinks = [part.values[piece.end].rows(part.width) for part in (once, twice)]
    assert (kinks[0] == kinks[1]).all()
    # a part is no less certain than the whole of it allows, and no more
    assert (once.errors[piece.end] >= piece.errors[piece.end]).all()
