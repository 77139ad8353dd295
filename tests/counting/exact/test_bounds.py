"""Error bounds hold: values in float64 against the same values in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from families import FAMILIES, case
from torch import nn

import regions
from regions.counting.exact.forms import Forms, Place
from regions.counting.exact.precise import Precise
from regions.counting.exact.rounding import Rounding, grid
from regions.counting.tree.frame import frame_of
from regions.counting.tree.segments import PreciseSegments, Segments, segments_of
from regions.exact.scaled import Scaled

ONE = np.zeros(1, np.int64)  # the only cell


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(3), nn.Linear(3, 2)

    def forward(self, x):
        h = nn.functional.relu(self.norm(self.first(x)))
        h = nn.functional.relu(h + self.second(h))
        return self.head(h.mean(dim=(2, 3)))


def residual(seed):
    import torch

    torch.manual_seed(seed)
    model = Residual()
    model.norm.running_mean.normal_()
    model.norm.running_var.uniform_(0.3, 2.0)
    return regions.as_network(model.eval(), input_shape=(1, 4, 4))


def networks():
    """Yield (net, domain) of every kind of step, scale and depth."""
    rng = np.random.default_rng(0)
    for family in sorted(FAMILIES):
        for seed in range(3):
            drawn = case(family, seed)
            yield drawn.net, drawn.domain
    for seed in range(3):
        yield residual(seed), regions.Slice.through(rng.normal(size=(3, 16)))


def fractions_of(values: Scaled) -> list[list[Fraction]]:
    """Return exact numbers as fractions."""
    scale = Fraction(2) ** values.exponent / values.divisor
    return [[int(x) * scale for x in row] for row in values.ints]


def excesses(net, domain, make):
    """Yield how far beyond its bound every unit's value is at a corner of |y| <= 1, if at all."""
    frame = frame_of(net, domain)
    segments, forms = make(frame), Forms(net, frame.place)
    active = np.zeros(int(forms.first[-1]), dtype=bool)
    pair, rng = segments.start(1), np.random.default_rng(1)
    for layer in range(len(net.relu_layers)):
        values, bounds, pair = segments.advance(*pair, layer)
        exact = fractions_of(forms._preactivations(layer, active, None))
        on = rng.random(values.shape[1]) < 0.6
        for unit, form in enumerate(exact):
            off = [abs(Fraction(float(v)) - x) for v, x in zip(values[:, unit], form, strict=True)]
            slope, constant = (Fraction(float(bound)) for bound in bounds[:, unit])
            yield sum(off[:-1]) <= slope and off[-1] <= constant
        active[forms.first[layer] : forms.first[layer + 1]] = on
        pair = segments.activate(*pair, layer, on[None], ONE)


@pytest.mark.parametrize("make", [Segments, PreciseSegments])
def test_values_are_within_their_bounds(make):
    with np.errstate(over="ignore", invalid="ignore"):
        for net, domain in networks():
            if make is PreciseSegments and not Precise(net).possible:
                continue
            if not np.isfinite(frame_of(net, domain).columns).all():
                continue
            assert all(excesses(net, domain, make))


def test_bounds_are_seen_when_too_small(monkeypatch):
    monkeypatch.setattr(Rounding, "gammas", (1e-18,) * 30)
    assert not all(all(excesses(net, domain, Segments)) for net, domain in list(networks())[:30])


def test_integers_are_not_rounded():
    drawn = case("integer", 4)
    frame = frame_of(drawn.net, drawn.domain)
    segments = Segments(frame)
    pair = segments.start(1)
    for layer, part in enumerate(drawn.net.relu_layers):
        _, bounds, pair = segments.advance(*pair, layer)
        assert (bounds == 0).all()
        pair = segments.activate(*pair, layer, np.ones((1, part.size), dtype=bool), ONE)


def test_bounds_grow_with_depth_and_pairs_take_over():
    rng, layers = np.random.default_rng(0), []
    for n in [2] + [48] * 19:
        layers.append((rng.normal(size=(48, n)) * np.sqrt(2 / n), rng.normal(size=48) * 0.1))
    net = regions.as_network([*layers, (np.ones((1, 48)), None)])
    frame = frame_of(net, regions.Box.cube(2, -1, 1))
    assert isinstance(segments_of(frame), PreciseSegments)
    assert all(excesses(net, regions.Box.cube(2, -1, 1), PreciseSegments))
    shallow = frame_of(regions.as_network(layers[:4]), regions.Box.cube(2, -1, 1))
    assert type(segments_of(shallow)) is Segments


def test_leaky_slopes_in_pairs():
    for seed in range(6):
        drawn = case("leaky", seed)
        assert all(excesses(drawn.net, drawn.domain, PreciseSegments))


def test_the_grid_of_numbers():
    assert grid([np.array([0.75, 2.0]), np.array([0.0])]) == -2
    assert grid([np.zeros(3)]) == 1000
    assert grid([np.array([8.0])]) == 3


def test_numbers_are_kept_exactly():
    rng = np.random.default_rng(2)
    values = rng.normal(size=50) * 10.0 ** rng.integers(-300, 300, size=50)
    values[:2] = 0.0, 5e-324
    exact = Scaled.of(values)
    assert (exact.floats() == values).all()
    for number, value in zip(exact.ints, values, strict=True):
        assert Fraction(float(value)) == int(number) * Fraction(2) ** exact.exponent


def test_places_of_slices_are_those_of_their_points():
    # a third is not a float: the rounded basis would leave the plane through the points
    points = np.array([[0.1, 0.2, 0.3], [1.0, 1 / 3, -2.0], [3.0, 1.0, 1 / 7]])
    place = Place.of(regions.Slice.through(points), 3)
    start, directions = fractions_of(place.start.reshape(1, 3))[0], fractions_of(place.directions)
    assert start == [Fraction(float(x)) for x in points[0]]
    for row, point in zip(directions, points[1:], strict=True):
        assert row == [
            Fraction(float(a)) - Fraction(float(b)) for a, b in zip(point, points[0], strict=True)
        ]


def test_one_side_is_the_same_as_among_all():
    rng = np.random.default_rng(4)
    box = regions.Box([-1.0, -2.0, 0.1], [1.5, 2.0, 1 / 3])
    for domain in (box, regions.Slice.through(rng.normal(size=(3, 3)), box)):
        d = domain.dimension
        center, axes = rng.normal(size=d), rng.normal(size=(d, d))
        whole, place = Place.of(domain, 3), Place.of(domain, 3, center, axes)
        assert {number: place.side(number) for number in place.sides} == place.sides
        assert whole.moved(center, axes).sides == place.sides
        assert whole.sides != place.sides
