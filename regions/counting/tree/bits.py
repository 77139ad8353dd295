"""Sets as bits of 64-bit words."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from regions.kernels import kernel


@intrinsic
def _ones(typingctx, word):
    """Return the number of set bits of a uint64, by the processor's own instruction."""

    def build(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), build


@intrinsic
def _word(typingctx, number):
    """Return the bits of a float64 as an int64."""

    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), build


@intrinsic
def _number(typingctx, word):
    """Return the float64 of the bits of an int64."""

    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), build


@kernel()
def power_to_half(size):
    """Return the power of two that takes a size between 1e-300 and 1e300 into [1/2, 1)."""
    exponent = np.int64(_word(size)) >> np.int64(52)  # type: ignore[call-arg]
    return np.float64(_number((np.int64(2045) - exponent) << np.int64(52)))  # type: ignore[call-arg]


@kernel()
def ones(word):
    """Return the number of set bits of a uint64."""
    return np.int64(_ones(word))  # type: ignore[call-arg]


@kernel()
def lowest(word):
    """Return the place of the lowest set bit of a uint64 that has one."""
    return np.int64(_ones((word & (~word + np.uint64(1))) - np.uint64(1)))  # type: ignore[call-arg]


@kernel()
def union(masks, count, word):
    """Return one word of the union of the first `count` sets."""
    found = np.uint64(0)
    for k in range(count):
        found |= masks[k, word]
    return found
