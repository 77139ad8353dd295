"""Arrays of rational numbers as integers over one power of two (and, for averages, a divisor)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np

_NORMAL = 2.0**-1000  # numbers above it are scaled by powers of two without rounding


@dataclass(frozen=True, eq=False)
class Scaled:
    """The numbers ``ints * 2**exponent / divisor``, exactly.

    Attributes
    ----------
    ints : object array of Python ints
    exponent : int
    divisor : int
        Positive; 1 unless averages over windows occur.
    """

    ints: np.ndarray
    exponent: int = 0
    divisor: int = 1

    @classmethod
    def of(cls, values: Any) -> Scaled:
        """Return finite float64 numbers, each exactly.

        Examples
        --------
        >>> found = Scaled.of([0.5, -3.0, 0.0])
        >>> found.ints.tolist(), found.exponent
        ([1, -6, 0], -1)
        """
        values = np.asarray(values, dtype=np.float64)
        mantissas, exponents = np.frexp(values.ravel())
        whole = (mantissas * 2.0**53).astype(np.int64)
        live = np.flatnonzero(whole)
        ints = np.zeros(values.size, dtype=object)
        if len(live) == 0:
            return cls(ints.reshape(values.shape))
        # the lowest set bit of every mantissa keeps the integers short
        low = (whole[live] & -whole[live]).astype(np.float64)
        zeros = np.frexp(low)[1] - 1
        places = exponents[live].astype(np.int64) - 53 + zeros
        least = int(places.min())
        odd = (whole[live] >> zeros).tolist()
        shifts = (places - least).tolist()
        ints[live] = [number << shift for number, shift in zip(odd, shifts, strict=True)]
        return cls(ints.reshape(values.shape), least)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.ints.shape

    def __getitem__(self, index: Any) -> Scaled:
        return Scaled(np.asarray(self.ints[index], dtype=object), self.exponent, self.divisor)

    def __neg__(self) -> Scaled:
        return Scaled(-self.ints, self.exponent, self.divisor)

    def __add__(self, other: Scaled) -> Scaled:
        one, two, exponent, divisor = _aligned(self, other)
        return Scaled(one + two, exponent, divisor)

    def __sub__(self, other: Scaled) -> Scaled:
        return self + -other

    def __mul__(self, other: Scaled) -> Scaled:
        exponent = self.exponent + other.exponent
        return Scaled(self.ints * other.ints, exponent, self.divisor * other.divisor)

    def __matmul__(self, other: Scaled) -> Scaled:
        exponent, divisor = self.exponent + other.exponent, self.divisor * other.divisor
        if 0 in self.ints.shape[-1:]:
            shape = (*self.shape[:-1], *other.shape[1:])
            return Scaled(np.zeros(shape, dtype=object), exponent, divisor)
        return Scaled(self.ints @ other.ints, exponent, divisor)

    def reshape(self, *shape: int) -> Scaled:
        """Return the numbers in another shape."""
        return Scaled(self.ints.reshape(*shape), self.exponent, self.divisor)

    def times(self, factor: Fraction) -> Scaled:
        """Return the numbers times a rational number."""
        zeros = (factor.denominator & -factor.denominator).bit_length() - 1
        ints = self.ints * factor.numerator
        return Scaled(ints, self.exponent - zeros, self.divisor * (factor.denominator >> zeros))

    def transposed(self) -> Scaled:
        """Return the transpose of a matrix."""
        return Scaled(self.ints.T, self.exponent, self.divisor)

    def over(self, divisor: int) -> Scaled:
        """Return the numbers divided by a positive integer."""
        return Scaled(self.ints, self.exponent, self.divisor * divisor)

    def reduced(self) -> Scaled:
        """Return the same numbers with integers that share no power of two."""
        bits = 0
        for number in self.ints.flat:
            bits |= number
        zeros = (bits & -bits).bit_length() - 1
        if zeros <= 0:
            return self
        return Scaled(self.ints >> zeros, self.exponent + zeros, self.divisor)

    def floats(self) -> np.ndarray:
        """Return the nearest float64 numbers (infinite beyond their range)."""
        if self.divisor == 1 and abs(self.exponent) < 2000:
            try:
                with np.errstate(over="ignore"):
                    near = np.ldexp(self.ints.astype(np.float64), self.exponent)
                if np.isfinite(near).all() and (np.abs(near[near != 0]) > _NORMAL).all():
                    return near
            except OverflowError:  # an integer that is no float64
                pass
        out = [_float(number, self.exponent, self.divisor) for number in self.ints.flat]
        return np.array(out, dtype=np.float64).reshape(self.shape)


def exponent_of(values: np.ndarray) -> int:
    """Return the exponent that `Scaled.of` gives some numbers; 0 if all are zero.

    >>> exponent_of(np.array([0.75, 8.0]))
    -2
    """
    mantissas, exponents = np.frexp(values[values != 0])
    if len(mantissas) == 0:
        return 0
    whole = (mantissas * 2.0**53).astype(np.int64)
    return int((exponents - 54 + np.frexp((whole & -whole).astype(np.float64))[1]).min())


def joined(parts: list[Scaled], axis: int = 0) -> Scaled:
    """Return the concatenation of several arrays."""
    exponent = min(part.exponent for part in parts)
    divisor = lcm(*(part.divisor for part in parts))
    arrays = [part.ints * (divisor // part.divisor << part.exponent - exponent) for part in parts]
    return Scaled(np.concatenate(arrays, axis=axis), exponent, divisor)


def primitive(numbers: Any) -> tuple[int, ...]:
    """Return integers divided by what they have in common (their signs stay).

    >>> primitive([4, -6, 0])
    (2, -3, 0)
    """
    common = gcd(*numbers)
    return tuple(int(number) // common for number in numbers) if common > 1 else tuple(numbers)


def _aligned(one: Scaled, two: Scaled) -> tuple[np.ndarray, np.ndarray, int, int]:
    exponent, divisor = min(one.exponent, two.exponent), lcm(one.divisor, two.divisor)
    first, second = one.ints, two.ints
    factor = divisor // one.divisor << one.exponent - exponent
    other = divisor // two.divisor << two.exponent - exponent
    first = first if factor == 1 else first * factor
    second = second if other == 1 else second * other
    return first, second, exponent, divisor


def _float(number: int, exponent: int, divisor: int) -> float:
    if number == 0:
        return 0.0
    # Python's true division of integers is correctly rounded, whatever their size
    try:
        if exponent >= 0:
            return (number << exponent) / divisor
        return number / (divisor << -exponent)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
