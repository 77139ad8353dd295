"""Twice the precision of float64, for networks so deep that rounding would leave much in doubt.

A number is the unevaluated sum of two float64 numbers. Products of matrices are made of products of
slices, so few bits wide that each slice product is exact in float64, whatever the order of its sums
[1]_; so the network's own linear operations serve as they are.

.. [1] K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, Error-free transformations of matrix multiplication
   by using fast routines of matrix multiplication and its applications, Numer. Algorithms 59
   (2012), doi:10.1007/s11075-011-9478-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regions.exact.scaled import Scaled
from regions.networks import ReLUNetwork, State
from regions.networks.steps import Add, AvgPool, ConvTranspose, Move, ReLU, Step

PRECISE_UNIT = 2.0**-96
_DEPTH = 5  # slices of the values; what lies below them is less than PRECISE_UNIT
_FINEST = 2.0**-1060  # below it float64 has too few bits; what is lost there counts as underflow
_MOST_SLICES = 8  # of the weights, which must be whole


@dataclass(frozen=True)
class Precise:
    """One network's linear segments on pairs: arrays of shape (rows, 2, *shape), high and low.

    The same calls as `ReLUNetwork`: start, advance, activate.
    """

    net: ReLUNetwork

    @cached_property
    def gammas(self) -> tuple[float, ...]:
        """How far a linear segment's values can be off, as a share of the sizes of its terms.

        A term's size is that of its weight times the largest value in its row.
        """
        return tuple((len(part) + 2) * PRECISE_UNIT for part in self.net.graph.segments)

    @cached_property
    def possible(self) -> bool:
        """Whether every step has such a form: averages have none, nor weights of too many bits."""
        steps = self.net.graph.steps
        if any(isinstance(step, (AvgPool, ConvTranspose)) for step in steps):
            return False
        return all(len(parts) <= _MOST_SLICES for parts in self._slices.values())

    def start(self, points: Scaled) -> State:
        """Return the state at exact points, (rows, n0)."""
        high = points.floats()
        low = (points - Scaled.of(high)).floats()
        pairs = np.stack([high, low], axis=1)
        return State({"input": pairs.reshape(len(pairs), 2, *self.net.input_shape)})

    def advance(
        self, state: State, layer: int, homogeneous: np.ndarray
    ) -> tuple[np.ndarray, State]:
        """Push pairs through linear segment `layer`; return (rows, 2, units) and the state."""
        graph = self.net.graph

        def push(step: Step, inputs: list[np.ndarray]) -> np.ndarray:
            return self._through(step, inputs, homogeneous)

        values = graph.run(state.values, push, graph.segments[layer])
        out = values[graph.ends[layer]]
        return out.reshape(len(out), 2, -1), State(values)

    def activate(self, state: State, layer: int, multiplier: np.ndarray) -> State:
        """Return the state after ReLU layer `layer`, given each unit's slope in each row."""
        relu = self.net.graph.relus[layer]
        factor = np.reshape(multiplier, (-1, *relu.shape))

        def scale(_: Step, inputs: list[np.ndarray]) -> np.ndarray:
            (value,) = inputs
            if relu.slope in (0.0, 1.0, -1.0):
                return value * factor[:, None]
            high, error = _product(value[:, 0], factor)
            return _pair(high, error + value[:, 1] * factor)

        return State(self.net.graph.run(state.values, scale, (relu,)))

    @cached_property
    def _slices(self) -> dict[str, list[np.ndarray]]:
        """Every weight and factor as a sum of slices few bits wide, row by row."""
        found = {}
        for step in self.net.graph.steps:
            for part in ("weight", "factor"):
                name = f"{step.module or step.name}.{part}"
                value = self.net.parameters.get(name)
                if value is not None and not isinstance(step, ReLU):
                    rows = value.reshape(len(value), -1) if value.ndim > 1 else value.reshape(-1, 1)
                    whole = _sliced(rows, _bits(step), _MOST_SLICES + 1)
                    found[name] = [piece.reshape(value.shape) for piece in whole]
        return found

    def _through(self, step: Step, inputs: list[np.ndarray], homogeneous: np.ndarray) -> np.ndarray:
        if isinstance(step, Move):
            return np.stack([step.linear([inputs[0][:, k]], {}) for k in (0, 1)], axis=1)
        if isinstance(step, Add):
            total = step.signs[0] * inputs[0]
            for sign, other in zip(step.signs[1:], inputs[1:], strict=True):
                total = _sum(total, sign * other)
        else:
            total = self._linear(step, inputs[0])
        offset = step.offset(self.net.parameters)
        if offset is None:
            return total
        column = homogeneous.reshape(-1, *([1] * len(step.shape)))
        constant = column * np.broadcast_to(offset, step.shape)
        return _sum(total, np.stack([constant, np.zeros_like(constant)], axis=1))

    def _linear(self, step: Step, value: np.ndarray) -> np.ndarray:
        """Return the linear part of a step with weights or factors."""
        part = "weight" if step.module else "factor"
        name = f"{step.module or step.name}.{part}"
        if name not in self._slices:
            return value
        rows, shape = len(value), value.shape[2:]
        flat = value.reshape(rows, 2, -1)
        pieces = _sliced_pairs(flat, _bits(step), _DEPTH)
        stacked = np.concatenate(pieces).reshape(-1, *shape)
        terms: list[tuple[int, np.ndarray]] = []
        for i, weight in enumerate(self._slices[name]):
            count = _DEPTH - i
            if count <= 0:
                break
            out = step.linear([stacked[: count * rows]], {name: weight})
            out = np.asarray(out).reshape(count, rows, *step.shape)
            terms += [(i + j, out[j]) for j in range(count)]
        total = np.zeros((rows, 2, *step.shape))
        for _, term in sorted(terms, key=lambda pair: -pair[0]):
            high, error = _two_sum(total[:, 0], term)
            total = _pair(high, error + total[:, 1])
        return total


def _bits(step: Step) -> int:
    """Return how wide slices may be so that a step's sums of their products are exact."""
    return int((52 - np.ceil(np.log2(max(step.fan_in, 1)))) // 2)


def _sliced(rows: np.ndarray, bits: int, most: int) -> list[np.ndarray]:
    """Return slices that add up to `rows`, each `bits` wide below its row's largest number."""
    found, rest = [], rows
    largest = np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
    unit = power_of_two(largest)
    for number in range(most):
        if not rest.any() and found:
            break
        grid = np.maximum(np.ldexp(unit, -bits * (number + 1)), _FINEST)
        piece = np.round(rest / grid) * grid
        found.append(piece)
        rest = rest - piece
    return found


def _sliced_pairs(pairs: np.ndarray, bits: int, depth: int) -> list[np.ndarray]:
    """Return `depth` slices of pairs, (rows, 2, size), each `bits` wide."""
    found, high, low = [], pairs[:, 0], pairs[:, 1]
    largest = np.abs(high).max(axis=1, initial=0.0, keepdims=True)
    unit = power_of_two(largest)
    for number in range(depth):
        grid = np.maximum(np.ldexp(unit, -bits * (number + 1)), _FINEST)
        piece = np.round(high / grid) * grid
        found.append(piece)
        high, error = _two_sum(high - piece, low)
        low = error
    return found


def power_of_two(sizes: np.ndarray) -> np.ndarray:
    """Return powers of two from one to two times each size: scaling is exact.

    They are 1 for zero, and 2**1023, the largest float64 has, for sizes above it.
    """
    return np.exp2(np.minimum(np.ceil(np.log2(np.where(sizes > 0, sizes, 1.0))), 1023.0))


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of two numbers and its rounding error, exactly (Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def _product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the product of two numbers and its rounding error, exactly (Dekker)."""
    total = a * b
    a_high, b_high = _half(a), _half(b)
    a_low, b_low = a - a_high, b - b_high
    error = ((a_high * b_high - total) + a_high * b_low + a_low * b_high) + a_low * b_low
    return total, error


def _half(a: np.ndarray) -> np.ndarray:
    wide = 134217729.0 * a
    return wide - (wide - a)


def _pair(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return a pair whose low part is below the last place of its high part."""
    total = high + low
    return np.stack([total, low - (total - high)], axis=1)


def _sum(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    high, error = _two_sum(one[:, 0], two[:, 0])
    return _pair(high, error + (one[:, 1] + two[:, 1]))
