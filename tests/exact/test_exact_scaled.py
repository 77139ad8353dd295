"""Scaled numbers are the rational numbers they stand for."""

from fractions import Fraction
from math import isinf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regions.exact.scaled import Scaled, exponent_of, joined, primitive

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def fractions_of(scaled):
    unit = Fraction(2) ** scaled.exponent / scaled.divisor
    return [int(number) * unit for number in scaled.ints.flat]


@given(arrays(np.float64, 4, elements=FLOATS), arrays(np.float64, 4, elements=FLOATS))
def test_arithmetic_is_that_of_fractions(one, two):
    left, right = Scaled.of(one), Scaled.of(two)
    a, b = [Fraction(x) for x in one], [Fraction(x) for x in two]
    assert fractions_of(left) == a
    assert fractions_of(left + right) == [x + y for x, y in zip(a, b, strict=True)]
    assert fractions_of(left - right) == [x - y for x, y in zip(a, b, strict=True)]
    assert fractions_of(left * right) == [x * y for x, y in zip(a, b, strict=True)]
    inner = left.reshape(1, 4) @ right.reshape(4, 1)
    assert fractions_of(inner) == [sum(x * y for x, y in zip(a, b, strict=True))]
    assert fractions_of(left.over(3).times(Fraction(6, 5))) == [x * Fraction(2, 5) for x in a]
    assert fractions_of(left.reduced()) == a
    assert fractions_of(joined([left.over(3), right])) == [*(x / 3 for x in a), *b]


@given(arrays(np.float64, 3, elements=FLOATS), st.integers(-1200, 1200), st.integers(1, 50))
def test_floats_are_correctly_rounded(values, shift, divisor):
    scaled = Scaled.of(values)
    scaled = Scaled(scaled.ints, scaled.exponent + shift, divisor)
    for found, true in zip(scaled.floats(), fractions_of(scaled), strict=True):
        try:
            assert found == float(true)
        except OverflowError:  # what Fraction says beyond the range
            assert isinf(found) and (found > 0) == (true > 0)


@given(arrays(np.float64, 3, elements=FLOATS))
def test_the_exponent_is_that_of_the_integers(values):
    if values.any():
        assert exponent_of(values) == Scaled.of(values).exponent
    assert any(number % 2 for number in Scaled.of(values).ints) == bool(values.any())


@given(st.lists(st.integers(-(10**30), 10**30), min_size=1, max_size=5), st.integers(1, 10**9))
def test_primitive_numbers_are_the_same_direction(numbers, factor):
    once = primitive(numbers)
    assert primitive([factor * number for number in once]) == once
    assert [a * b for a in once[:1] for b in numbers] == [a * b for a in numbers[:1] for b in once]
