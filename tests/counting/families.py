"""Networks that are hard on rounding, drawn by family and seed: small enough for the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import regions
from regions.networks.builder import Builder


@dataclass(frozen=True)
class Case:
    """Weights of a chain (last pair: output), a negative slope per ReLU layer, and a domain."""

    layers: list
    slopes: list
    domain: object

    @property
    def net(self):
        return chain(self.layers, self.slopes)


def chain(layers, slopes):
    """Return the network of (W, b), leaky where slopes are not zero."""
    builder = Builder((np.shape(layers[0][0])[1],))
    value = builder.input
    for position, (weight, bias) in enumerate(layers):
        last = position == len(layers) - 1
        name = "output" if last else f"layer{position + 1}"
        value = builder.linear(value, np.asarray(weight, dtype=float), bias, name)
        if not last:
            value = builder.relu(value, slopes[position])
    return builder.finish(value)


def case(family, seed):
    """Return one case of a family."""
    rng = np.random.default_rng([seed, sorted(FAMILIES).index(family)])
    layers, slopes, domain = FAMILIES[family](rng)
    return Case(layers, slopes, domain)


def _widths(rng, most_inputs=3, most=6, depth=3):
    inputs = int(rng.integers(1, most_inputs + 1))
    cap = most if inputs < 3 else max(3, most - 2)
    hidden = [int(n) for n in rng.integers(2, cap + 1, size=int(rng.integers(1, depth + 1)))]
    return [inputs, *hidden]


def _box(rng, n, half=1.0):
    return regions.Box.cube(n, -half, half)


def _with_output(rng, layers, integer=False):
    width = len(layers[-1][1])
    outputs = int(rng.integers(1, 3))
    weight = rng.integers(-2, 3, size=(outputs, width)) if integer else None
    weight = rng.normal(size=(outputs, width)) if weight is None else weight.astype(float)
    return [*layers, (weight, np.zeros(outputs))]


def _integer_layers(rng, widths, reach=2):
    return [
        (
            rng.integers(-reach, reach + 1, size=(m, n)).astype(float),
            rng.integers(-reach, reach + 1, size=m).astype(float),
        )
        for n, m in pairwise(widths)
    ]


def _normal_layers(rng, widths, bias=0.5, scale=1.0):
    return [
        (rng.normal(size=(m, n)) * scale * np.sqrt(2 / n), rng.normal(size=m) * bias)
        for n, m in pairwise(widths)
    ]


def integer(rng):
    """Small integers: ties, duplicates and opposites everywhere."""
    widths = _widths(rng)
    layers = _integer_layers(rng, widths)
    return _with_output(rng, layers, True), [0.0] * len(layers), _box(rng, widths[0], 2.0)


def duplicates(rng):
    """Rows repeated, reversed or multiplied by powers of two, also across a layer's units."""
    widths = _widths(rng)
    layers = _normal_layers(rng, widths)
    for weight, bias in layers:
        for _ in range(int(rng.integers(1, 3))):
            i, j = rng.integers(len(bias), size=2)
            factor = rng.choice([1.0, -1.0, 2.0, -0.25])
            weight[j], bias[j] = factor * weight[i], factor * bias[i]
    return _with_output(rng, layers), [0.0] * len(layers), _box(rng, widths[0])


def sparse(rng):
    """Pruned to .05 to .3: constant units, units of one input, parallel boundaries."""
    widths = _widths(rng, most=9)
    density = rng.uniform(0.05, 0.3) + (0.15 if widths[0] < 3 else 0.0)
    layers = [
        (weight * (rng.uniform(size=weight.shape) < density), bias * (rng.uniform() < 0.6))
        for weight, bias in _normal_layers(rng, widths)
    ]
    return _with_output(rng, layers), [0.0] * len(layers), _box(rng, widths[0])


def powers(rng):
    """An integer network, units and layers scaled by powers of two from 2^-60 to 2^60."""
    layers, slopes, domain = integer(rng)
    scale = np.ones(np.shape(layers[0][0])[1])
    scaled = []
    for weight, bias in layers[:-1]:
        new = 2.0 ** rng.integers(-60, 61, size=len(bias))
        scaled.append((weight * new[:, None] / scale, bias * new))
        scale = new
    weight, bias = layers[-1]
    return [*scaled, (weight / scale, bias)], slopes, domain


def leaky(rng):
    """Leaky slopes 1, negative and others, layer by layer."""
    widths = _widths(rng)
    whole = rng.random() < 0.5
    layers = _integer_layers(rng, widths) if whole else _normal_layers(rng, widths)
    slopes = [float(rng.choice([0.0, 0.01, 0.5, 1.0, -0.5, -1.0])) for _ in layers]
    return _with_output(rng, layers, whole), slopes, _box(rng, widths[0], 1.5)


def whole_space(rng):
    """All of the input space, bias-free or not, integer or not."""
    widths = _widths(rng)
    whole = rng.random() < 0.5
    layers = _integer_layers(rng, widths) if whole else _normal_layers(rng, widths)
    if rng.random() < 0.5:
        layers = [(weight, 0.0 * bias) for weight, bias in layers]
    return _with_output(rng, layers, whole), [0.0] * len(layers), None


def half_open(rng):
    """Boxes with open sides."""
    layers, slopes, _ = integer(rng) if rng.random() < 0.5 else sparse(rng)
    n = np.shape(layers[0][0])[1]
    low = np.where(rng.random(n) < 0.5, -np.inf, -rng.integers(1, 4, size=n).astype(float))
    high = np.where(rng.random(n) < 0.5, np.inf, rng.integers(1, 4, size=n).astype(float))
    return layers, slopes, regions.Box(low, high)


def bias_free(rng):
    """No biases: every boundary passes through the origin."""
    widths = _widths(rng)
    layers = _normal_layers(rng, widths, bias=0.0)
    return _with_output(rng, layers), [0.0] * len(layers), _box(rng, widths[0])


def slices(rng):
    """Flats through points where several boundaries meet, in a box or whole."""
    n = int(rng.integers(2, 5))
    d = int(rng.integers(1, min(n, 3) + 1))
    widths = [n, *(int(k) for k in rng.integers(3, 6, size=int(rng.integers(1, 3))))]
    layers = _integer_layers(rng, widths)
    while True:
        points = rng.integers(-2, 3, size=(d + 1, n)).astype(float)
        box = _box(rng, n, 2.5) if rng.random() < 0.6 else None
        if box is not None and rng.random() < 0.3:
            open_ = rng.random(n) < 0.5
            box = regions.Box(np.where(open_, -np.inf, box.low), box.high)
        try:
            domain = regions.Slice.through(points, box)
        except regions.errors.DomainError:
            continue
        return _with_output(rng, layers, True), [0.0] * len(layers), domain


def fractions(rng):
    """Ties at 1/3 ... 1/49, and pairs that only rounding separates."""
    n = int(rng.integers(1, 3))
    rows, biases = [], []
    for _ in range(int(rng.integers(2, 6))):
        q = float(rng.choice([3, 5, 7, 9, 11, 49]))
        p = float(rng.integers(-4, 5))
        row = np.zeros(n)
        row[rng.integers(n)] = 1.0
        rows += [row * q, row]
        biases += [-p, -p / q]
    keep = rng.permutation(len(rows))[: int(rng.integers(2, 7))]
    first = (np.array(rows)[keep], np.array(biases)[keep])
    width = int(rng.integers(2, 5))
    second = (
        rng.choice([1.0, -1.0, 1 / 3, -2 / 7, 0.0], size=(width, len(keep))),
        rng.choice([0.0, 1 / 3, -1 / 49], size=width),
    )
    layers = [first, second] if rng.random() < 0.7 else [first]
    return _with_output(rng, layers), [0.0] * len(layers), _box(rng, n)


def parallel(rng):
    """Parallel boundaries 1e-8 to 1e-17 apart."""
    n = int(rng.integers(1, 4))
    base = rng.normal(size=(2, n))
    rows, biases = [], []
    for row in base:
        bias = rng.normal() * 0.3
        for _ in range(int(rng.integers(1, 4))):
            gap = float(10.0 ** -rng.uniform(8, 17)) * rng.choice([-1, 1])
            rows.append(row * rng.choice([1.0, -1.0, 2.0]))
            biases.append((bias + gap) * np.sign(rows[-1][0] / row[0]) * abs(rows[-1][0] / row[0]))
    layers = [(np.array(rows), np.array(biases))]
    if rng.random() < 0.6:
        layers += _normal_layers(rng, [len(rows), int(rng.integers(2, 5))])
    return _with_output(rng, layers), [0.0] * len(layers), _box(rng, n)


def badly_scaled(rng):
    """Units, inputs and boxes scaled by 1e-9 to 1e9, exactly not by powers of two."""
    widths = _widths(rng)
    layers = _normal_layers(rng, widths)
    inputs = 10.0 ** rng.integers(-9, 10, size=widths[0])
    layers[0] = (layers[0][0] / inputs, layers[0][1])
    domain = regions.Box(-inputs, inputs)
    scaled, before = [], np.ones(widths[0])
    for weight, bias in layers:
        after = 10.0 ** rng.integers(-9, 10, size=len(bias))
        scaled.append((weight * after[:, None] / before, bias * after))
        before = after
    return _with_output(rng, scaled), [0.0] * len(scaled), domain


def extreme(rng):
    """Weights and boxes near the ends of the range of float64."""
    widths = _widths(rng, most_inputs=2, most=4, depth=2)
    layers = _normal_layers(rng, widths)
    size = float(rng.choice([1e-170, 1e-300, 1e140, 1e100]))
    first, bias = layers[0]
    if rng.random() < 0.5:
        layers[0] = (first * size, bias * size)
        domain = _box(rng, widths[0])
    else:
        layers[0] = (first / size if size < 1 else first, bias if size < 1 else bias * size)
        domain = _box(rng, widths[0], size)
    return _with_output(rng, layers), [0.0] * len(layers), domain


def tiny_box(rng):
    """A tiny box far from the origin, where several boundaries pass."""
    widths = _widths(rng, most_inputs=3, most=5, depth=2)
    center = rng.normal(size=widths[0]) * 100.0
    size = float(10.0 ** -rng.integers(6, 13))
    layers = _normal_layers(rng, widths)
    weight = layers[0][0]
    layers[0] = (weight, -(weight @ center) + rng.normal(size=len(weight)) * size)
    return _with_output(rng, layers), [0.0] * len(layers), regions.Box(center - size, center + size)


def thin_slices(rng):
    """Flats that cut off a corner of a box, 1e-3 to 1e-16 wide, through points near or far."""
    n = int(rng.integers(2, 5))
    d = int(rng.integers(1, n))
    corner, size = np.where(rng.random(n) < 0.5, -1.0, 1.0), float(10.0 ** -rng.integers(3, 17))
    if rng.random() < 0.5:
        corner = corner * 10.0 ** rng.integers(0, 10)
        size = size * np.abs(corner).max()
    low, high = np.where(corner < 0, corner, -3 * corner), np.where(corner < 0, -3 * corner, corner)
    weight = rng.uniform(0.5, 2.0, size=n)
    points = corner - np.diag(np.sign(corner) * np.maximum(size / weight, np.spacing(corner)))
    points = points[rng.permutation(n)[: d + 1]]
    inner = points.mean(axis=0)
    if rng.random() < 0.5:  # the same flat, nearly, through points far away
        points = points[0] + (points - points[0]) * 2.0 ** rng.integers(0, 40)
        points[0] += (points[1] - points[0]) * 2.0 ** rng.integers(0, 10)
    first = rng.normal(size=(int(rng.integers(2, 5)), n))
    layers = [(first, -(first @ inner) + rng.normal(size=len(first)) * size * 0.3)]
    if rng.random() < 0.6:
        layers += _normal_layers(rng, [len(first), int(rng.integers(2, 5))], bias=0.1 * size)
    try:
        domain = regions.Slice.through(points, regions.Box(low, high))
    except regions.errors.DomainError:  # moved past the corner
        return thin_slices(rng)
    return _with_output(rng, layers), [0.0] * len(layers), domain


def deep(rng):
    """8 to 24 narrow layers, He or default initialisation, on a line, plane or small box."""
    n, depth = int(rng.integers(1, 4)), int(rng.integers(8, 25))
    width = int(rng.integers(4, 9 if n < 3 else 6))
    widths = [n, *[width] * depth]
    if rng.random() < 0.5:
        layers = _normal_layers(rng, widths, bias=0.1)
    else:
        layers = [
            (
                rng.uniform(-1, 1, size=(m, k)) / np.sqrt(k) * 1.7,
                rng.uniform(-1, 1, size=m) / np.sqrt(k),
            )
            for k, m in pairwise(widths)
        ]
    half = {1: 0.5, 2: 0.05, 3: 0.01}[n]
    return _with_output(rng, layers), [0.0] * len(layers), _box(rng, n, half)


def hidden_dead(rng):
    """A large unit that is dead on the domain beside small ones that decide."""
    widths = _widths(rng, most=5, depth=2)
    layers = _normal_layers(rng, [*widths, 3])
    size = float(10.0 ** rng.integers(3, 15))
    weight, bias = layers[0]
    weight[0], bias[0] = weight[0] * size, -size * 10.0 * np.abs(weight[0]).sum()
    return _with_output(rng, layers), [0.0] * len(layers), _box(rng, widths[0])


def wide(rng):
    """Sums of hundreds of terms that cancel, on a box where most units do not switch."""
    n, width = int(rng.integers(1, 3)), int(rng.integers(200, 600))
    weight = rng.normal(size=(width, n))
    bias = np.abs(weight).sum(axis=1) * 1.5 + rng.random(width)
    switching = rng.integers(width, size=2)
    bias[switching] = rng.normal(size=2) * 0.3
    some = int(rng.integers(2, 5))
    signs = rng.normal(size=(some, width))
    # the sum of all terms at a point of the box is close to zero
    point = rng.uniform(-0.5, 0.5, size=n)
    at = signs @ np.maximum(weight @ point + bias, 0.0)
    layers = [(weight, bias), (signs, -at + rng.choice([0.0, 1e-13, 1e-3], size=some))]
    return _with_output(rng, layers), [0.0, 0.0], _box(rng, n)


def offsets(rng):
    """Outputs and offsets of very different size: maps that differ far behind the point."""
    widths = _widths(rng, most_inputs=2, most=4, depth=2)
    layers = _integer_layers(rng, widths)
    width, outputs = widths[-1], int(rng.integers(1, 3))
    weight = (
        rng.integers(-1, 2, size=(outputs, width))
        * 2.0 ** rng.integers(-40, 41, size=outputs)[:, None]
    )
    bias = 2.0 ** rng.integers(0, 61, size=outputs)
    return [*layers, (weight, bias)], [0.0] * len(layers), _box(rng, widths[0], 2.0)


def whole_thin_sectors(rng):
    """All of the space or half of it, first-layer boundaries at angles of .1 to 1e-12."""
    inputs, units = (2, int(rng.integers(2, 5))) if rng.random() < 0.8 else (3, 4)
    first = rng.normal(size=inputs) * rng.choice([-1.0, 1.0], size=(units, 1))
    first = first + rng.normal(size=(units, inputs)) * 10.0 ** -rng.uniform(1, 12)
    first = first * rng.uniform(0.1, 2.0, size=(units, 1))
    layers = [(first, rng.normal(size=units) * rng.choice([0.0, 0.5, 5.0]))]
    layers += _normal_layers(rng, [units, *rng.integers(2, 6, size=int(rng.integers(1, 3)))])
    domain = None
    if rng.random() < 0.3:
        low = np.where(rng.random(inputs) < 0.5, -np.inf, rng.normal(size=inputs) * 3)
        domain = regions.Box(low, np.full(inputs, np.inf))
    return _with_output(rng, layers), [0.0] * len(layers), domain


FAMILIES = {
    function.__name__: function
    for function in (
        integer,
        duplicates,
        sparse,
        powers,
        leaky,
        whole_space,
        half_open,
        bias_free,
        slices,
        fractions,
        parallel,
        badly_scaled,
        extreme,
        tiny_box,
        thin_slices,
        deep,
        hidden_dead,
        wide,
        offsets,
        whole_thin_sectors,
    )
}
