"""Small networks that are no chains, as modules and as exact forms: for the oracle.

A case is a program of a few operations on arrays. It is run twice: by torch, as a module that
`as_network` reads, and on exact affine forms, from which the oracle's layers come.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import torch
from torch import nn

import regions


@dataclass(frozen=True)
class Wired:
    """A program, its parameters by step, the shape of its input, and a domain."""

    steps: list
    shape: tuple
    domain: object

    @property
    def module(self):
        return _Module(self.steps).double().eval()

    @property
    def net(self):
        return regions.as_network(self.module, input_shape=self.shape)

    @property
    def layers(self):
        """(rows, constants) per ReLU layer and of the output, over all values so far; slopes."""
        return _Exact(self.shape).run(self.steps)


class _Module(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps, parts = steps, {}
        for i, (kind, name, _, values) in enumerate(steps):
            if kind in _MODULES:
                parts[f"{i}{kind}{name}"] = _MODULES[kind](values)
        self.parts = nn.ModuleDict(parts)

    def forward(self, x):
        known = {"x": x}
        for i, (kind, name, inputs, _) in enumerate(self.steps):
            given = [known[one] for one in inputs]
            if kind == "add":
                known[name] = given[0] + given[1]
            elif kind == "cat":
                known[name] = torch.cat(given, dim=1)
            elif kind == "flatten":
                known[name] = torch.flatten(given[0], 1)
            else:
                known[name] = self.parts[f"{i}{kind}{name}"](given[0])
        return known[name]


def _filled(module, weight, bias):
    module.weight.data = torch.tensor(weight)
    module.bias.data = torch.tensor(bias)
    return module


def _linear(values):
    weight, bias = values
    return _filled(nn.Linear(*weight.shape[::-1]), weight, bias)


def _conv(values):
    weight, bias, stride, padding = values
    out, taken, *size = weight.shape
    return _filled(nn.Conv2d(taken, out, tuple(size), stride, padding), weight, bias)


def _norm(values):
    scale, shift, mean, variance = values
    module = _filled(nn.BatchNorm2d(len(scale), eps=0.0), scale, shift)
    module.running_mean, module.running_var = torch.tensor(mean), torch.tensor(variance)
    return module


_MODULES = {
    "linear": _linear,
    "conv": _conv,
    "norm": _norm,
    "pool": lambda values: nn.AvgPool2d(*values),
    "relu": lambda slope: nn.LeakyReLU(slope) if slope else nn.ReLU(),
}


class _Exact:
    """The same operations on affine forms over the inputs and all activations so far."""

    def __init__(self, shape):
        self.shape, self.number = shape, int(np.prod(shape))
        self.found, self.slopes = [], []

    def run(self, steps):
        known = {"x": _array([{i: Fraction(1)} for i in range(self.number)], self.shape)}
        for kind, name, inputs, values in steps:
            given = [known[one] for one in inputs]
            known[name] = getattr(self, kind)(*given, values)
        return [*self.found, list(known[name].ravel())], self.slopes

    def linear(self, x, values):
        return _weighed(x, *values)

    def conv(self, x, values):
        weight, bias, stride, padding = values
        out, taken, high, wide = weight.shape
        rows, columns = (
            (size + 2 * padding - taps) // stride + 1
            for size, taps in zip(x.shape[1:], (high, wide), strict=True)
        )
        found = np.empty((out, rows, columns), dtype=object)
        for o, r, c in product(range(out), range(rows), range(columns)):
            total = {-1: _exact(bias[o])}
            for t, i, j in product(range(taken), range(high), range(wide)):
                row, column = r * stride + i - padding, c * stride + j - padding
                if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                    _add(total, x[t, row, column], _exact(weight[o, t, i, j]))
            found[o, r, c] = total
        return found

    def norm(self, x, values):
        found = np.empty(x.shape, dtype=object)
        for place in product(*map(range, x.shape)):
            scale, shift, mean, variance = (_exact(part[place[0]]) for part in values)
            factor = scale / _exact(np.sqrt(float(variance)))
            found[place] = {-1: shift - mean * factor}
            _add(found[place], x[place], factor)
        return found

    def pool(self, x, values):
        size, stride, padding = values
        rows, columns = ((n + 2 * padding - size) // stride + 1 for n in x.shape[1:])
        found = np.empty((len(x), rows, columns), dtype=object)
        for t, r, c in product(range(len(x)), range(rows), range(columns)):
            total = {}
            for i, j in product(range(size), repeat=2):
                row, column = r * stride + i - padding, c * stride + j - padding
                if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                    _add(total, x[t, row, column], Fraction(1, size * size))
            found[t, r, c] = total
        return found

    def add(self, one, two, _):
        found = np.empty(one.shape, dtype=object)
        for place in product(*map(range, one.shape)):
            found[place] = dict(one[place])
            _add(found[place], two[place], Fraction(1))
        return found

    def cat(self, one, two, _):
        return np.concatenate([one, two], axis=0)

    def flatten(self, x, _):
        return x.ravel()

    def relu(self, x, slope):
        self.found.append(list(x.ravel()))
        self.slopes.append(slope)
        first, self.number = self.number, self.number + x.size
        return _array([{first + i: Fraction(1)} for i in range(x.size)], x.shape)


def _array(forms, shape):
    found = np.empty(len(forms), dtype=object)
    found[:] = forms
    return found.reshape(shape)


def _weighed(x, weight, bias):
    found = np.empty(len(weight), dtype=object)
    for o, row in enumerate(weight):
        found[o] = {-1: _exact(bias[o])}
        for w, form in zip(row, x, strict=True):
            _add(found[o], form, _exact(w))
    return found


def _add(total, form, factor):
    if factor:
        for atom, number in form.items():
            total[atom] = total.get(atom, 0) + factor * number


def _exact(number):
    return Fraction(float(number))


def _weights(rng, *shape):
    """Small integers or normal numbers, pruned or not."""
    weight = rng.integers(-2, 3, size=shape).astype(float)
    if rng.random() < 0.5:
        weight = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
    return weight * (rng.random(shape) < rng.choice([0.4, 1.0]))


def _biases(rng, size):
    kind = rng.integers(3)
    return [np.zeros(size), rng.integers(-1, 2, size=size) / 2.0, rng.normal(size=size)][kind]


def _domain(rng, size, units):
    """A line, a plane or more in a box, so that the oracle ends soon."""
    d = int(rng.integers(1, 2 + (units <= 24) + (units <= 10)))
    points = rng.integers(-2, 3, size=(d + 1, size)).astype(float)
    points += (rng.random() < 0.5) * rng.normal(size=points.shape)
    half = float(np.abs(points).max()) + 1.0
    try:
        return regions.Slice.through(points, regions.Box.cube(size, -half, half))
    except regions.errors.DomainError:
        return _domain(rng, size, units)


def _slope(rng):
    return float(rng.choice([0.0, 0.0, 0.0, 0.01, 0.5, -1.0]))


def convolutional(rng):
    """Convolutions with strides and padding, and a linear end."""
    side, slope = int(rng.integers(2, 4)), _slope(rng)
    taps, padding = int(rng.integers(1, side)), int(rng.integers(0, 2))
    steps = [
        ("conv", "a", ["x"], (_weights(rng, 2, 1, taps, taps), _biases(rng, 2), 1, padding)),
        ("relu", "b", ["a"], slope),
        ("conv", "c", ["b"], (_weights(rng, 1, 2, 2, 2), _biases(rng, 1), 1, 0)),
        ("relu", "d", ["c"], slope),
        ("flatten", "e", ["d"], None),
    ]
    return _ended(rng, steps, (1, side, side))


def pooled(rng):
    """Average pooling between convolutions, over 4 or 9 values, with padding or not."""
    side = int(rng.integers(3, 5))
    size = int(rng.integers(2, 4))
    padding = int(rng.integers(0, 2))
    steps = [
        ("conv", "a", ["x"], (_weights(rng, 1, 1, 2, 2), _biases(rng, 1), 1, 0)),
        ("relu", "b", ["a"], 0.0),
        ("pool", "c", ["b"], (min(size, side - 1), int(rng.integers(1, 3)), padding)),
        ("conv", "d", ["c"], (_weights(rng, 2, 1, 1, 1), _biases(rng, 2), 1, 0)),
        ("relu", "e", ["d"], _slope(rng)),
        ("flatten", "f", ["e"], None),
    ]
    return _ended(rng, steps, (1, side, side))


def normalised(rng):
    """Batch norm whose statistics are powers of four, so that its factors are exact."""
    channels = 2
    values = (
        rng.integers(-2, 3, size=channels).astype(float),
        _biases(rng, channels),
        rng.integers(-2, 3, size=channels) / 2.0,
        4.0 ** rng.integers(-2, 3, size=channels),
    )
    steps = [
        ("conv", "a", ["x"], (_weights(rng, channels, 1, 2, 2), _biases(rng, channels), 1, 0)),
        ("norm", "b", ["a"], values),
        ("relu", "c", ["b"], _slope(rng)),
        ("flatten", "d", ["c"], None),
    ]
    return _ended(rng, steps, (1, 2, int(rng.integers(2, 4))))


def residual(rng):
    """Blocks that add what they read, from the input on or from a layer before."""
    n, width = int(rng.integers(2, 4)), int(rng.integers(2, 5))
    steps = [
        ("linear", "a", ["x"], (_weights(rng, width, n), _biases(rng, width))),
        ("relu", "b", ["a"], _slope(rng)),
        ("linear", "c", ["b"], (_weights(rng, width, width), _biases(rng, width))),
        ("add", "d", ["c", str(rng.choice(["a", "b"]))], None),
        ("relu", "e", ["d"], 0.0),
        ("linear", "f", ["e"], (_weights(rng, n, width), _biases(rng, n))),
        ("add", "g", ["f", "x"], None),
        ("relu", "h", ["g"], _slope(rng)),
    ]
    return _ended(rng, steps, (n,), last="h")


def concatenating(rng):
    """Layers that read what layers before them and the input say."""
    n, width = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    steps = [
        ("linear", "a", ["x"], (_weights(rng, width, n), _biases(rng, width))),
        ("relu", "b", ["a"], _slope(rng)),
        ("cat", "c", ["b", "x"], None),
        ("linear", "d", ["c"], (_weights(rng, width, n + width), _biases(rng, width))),
        ("relu", "e", ["d"], 0.0),
        ("cat", "f", ["e", "c"], None),
    ]
    return _ended(rng, steps, (n,), last="f")


def _ended(rng, steps, shape, last=None):
    """Return the case with a linear end that fits."""
    last = last or steps[-1][1]
    known = _sizes(steps, shape)
    units = sum(known[name] for kind, name, _, _ in steps if kind == "relu")
    outputs = int(rng.integers(1, 3))
    weight = _weights(rng, outputs, known[last])
    steps = [*steps, ("linear", "end", [last], (weight, _biases(rng, outputs)))]
    return Wired(steps, shape, _domain(rng, int(np.prod(shape)), units))


def _sizes(steps, shape):
    """Return the size of every step's value."""
    known, exact = {"x": np.empty(shape, dtype=object)}, _Exact(shape)
    known["x"] = _array([{} for _ in range(int(np.prod(shape)))], shape)
    for kind, name, inputs, values in steps:
        known[name] = getattr(exact, kind)(*(known[one] for one in inputs), values)
    return {name: value.size for name, value in known.items()}


WIRED = {
    function.__name__: function
    for function in (convolutional, pooled, normalised, residual, concatenating)
}


def wired(family, seed):
    """Return one case of a family."""
    rng = np.random.default_rng([seed, 7, sorted(WIRED).index(family)])
    return WIRED[family](rng)
