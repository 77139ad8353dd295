"""What maxima, minima, clamps and other units of several pieces become: ReLU units, exactly.

max(a, b) = a + relu(b - a), in rounds for more values (`regions.networks.pieces`), and
min(max(x, low), high) = high - relu((high - low) - relu(x - low)): the same function as real
numbers, with an activation pattern that says which piece each unit is on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from regions.errors import UnsupportedModelError
from regions.networks.builder import Symbol
from regions.networks.geometry import adaptive_reads, joint_places, of_channels
from regions.networks.memory import Arrangement
from regions.networks.operations import (
    Result,
    Trace,
    batched,
    operands,
    pair,
    reduced,
    relu_rule,
    reshaped,
)
from regions.networks.windows import Window, spatial_places


def larger(trace: Trace, x: Any, other: Any, sign: float = 1.0) -> Symbol:
    """Return max(x, other) (min with `sign=-1`); one of the two may be a constant."""
    builder = trace.builder
    if not isinstance(x, Symbol):
        x, other = other, x
    if isinstance(other, Symbol):
        return builder.add(x, builder.relu(builder.add(other, x, -1.0, sign)), sign)
    other = np.asarray(other, dtype=np.float64)
    if (other == -sign * np.inf).all():
        return x
    if not np.isfinite(other).all():
        raise UnsupportedModelError(f"a bound is {other.ravel()[:3]}; give finite numbers")
    zero = not other.any()
    gap = x if zero and sign > 0 else builder.scale(x, sign, None if zero else -sign * other)
    gain = builder.relu(gap)
    return gain if zero and sign > 0 else builder.scale(gain, sign, None if zero else other)


def _between(trace: Trace, x: Symbol, low: Any, high: Any) -> Symbol:
    """Return min(max(x, low), high) for constants low <= high."""
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if (low > high).any():
        raise UnsupportedModelError(
            f"clamps to [{low.ravel()[0]}, {high.ravel()[0]}], whose lower bound is larger"
        )
    builder = trace.builder
    above = builder.relu(builder.scale(x, None, -low) if low.any() else x)
    # two sums, for high - low may be rounded
    rest = builder.scale(builder.scale(above, -1.0, -low if low.any() else None), None, high)
    return builder.scale(builder.relu(rest), -1.0, high)


def _clamp(trace: Trace, node: str, x: Any, min: Any = None, max: Any = None) -> Result:
    low, high = (None if _is_open(bound) else bound for bound in (min, max))
    if low is not None and high is not None:
        (symbol, low, high), place = operands(trace, x, low, high)
        return _between(trace, symbol, low, high), place
    if low is None and high is None:
        return trace.memory.read(x)
    if low is not None and not isinstance(low, torch.Tensor) and low == 0:
        return relu_rule(trace, node, x)
    sign, bound = (1.0, low) if high is None else (-1.0, high)
    (symbol, bound), place = operands(trace, x, bound)
    return larger(trace, symbol, bound, sign), place


def _is_open(bound: Any) -> bool:
    return bound is None or (isinstance(bound, float) and abs(bound) == float("inf"))


def _hardtanh(trace: Trace, node: str, x: Any, min_val: float = -1, max_val: float = 1) -> Result:
    return _clamp(trace, node, x, float(min_val), float(max_val))


def _hardsigmoid(trace: Trace, node: str, x: Any) -> Result:
    symbol, place = trace.memory.read(x)
    clamped = _between(trace, trace.builder.scale(symbol, None, 3.0), 0.0, 6.0)
    return trace.builder.scale(clamped, 1.0 / 6.0), place


def _softshrink(trace: Trace, node: str, x: Any, lambd: float = 0.5) -> Result:
    symbol, place = trace.memory.read(x)
    builder, width = trace.builder, float(lambd)
    above = builder.relu(builder.scale(symbol, None, -width))
    below = builder.relu(builder.scale(symbol, -1.0, -width))
    return builder.add(above, below, -1.0), place


def _threshold(trace: Trace, node: str, x: Any, threshold: float, value: float) -> Result:
    if threshold != value:
        raise UnsupportedModelError(
            f"{node} is a threshold at {threshold} with value {value}: it jumps, so it is not "
            "continuous; only equal numbers are supported"
        )
    return _clamp(trace, node, x, float(threshold))


def _prelu(trace: Trace, node: str, x: Any, weight: Any) -> Result:
    if trace.memory.holds(weight):
        raise UnsupportedModelError(f"{node} has slopes that depend on the input")
    if len(torch.unique(weight)) == 1:
        return relu_rule(trace, node, x, float(weight.ravel()[0]))
    (symbol, slope), place = operands(trace, x, weight)
    builder = trace.builder
    below = builder.relu(builder.scale(symbol, -1.0))
    return builder.add(builder.relu(symbol), builder.scale(below, slope), -1.0), place


def _abs(trace: Trace, node: str, x: Any) -> Result:
    return relu_rule(trace, node, x, -1.0)


def _extreme(sign: float) -> Callable[..., Result]:
    def rule(
        trace: Trace, node: str, x: Any, dim: Any = None, keepdim: bool = False, other: Any = None
    ) -> Result:
        if other is not None:
            (x, other), place = operands(trace, x, other)
            return larger(trace, x, other, sign), place
        axes = [dim] if isinstance(dim, int) else list(dim) if dim else None
        symbol, axes, kept = reduced(trace, node, x, axes)
        places = np.arange(symbol.size).reshape(symbol.shape)
        slots = np.moveaxis(places, axes, range(len(axes))).reshape(-1, *kept)
        best = trace.builder.extreme(trace.builder.place(symbol, slots.ravel(), slots.shape), sign)
        return reshaped(trace, best, kept, axes, keepdim)

    return rule


def _max_pool(
    trace: Trace,
    node: str,
    x: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = (0,),
    dilation: Any = (1,),
    ceil_mode: bool = False,
) -> Result:
    axes = x.ndim - 2
    symbol = batched(trace, node, x, axes + 2)
    kernel = pair(kernel_size, axes)
    geometry = {
        "stride": pair(stride, axes) if len(stride) else kernel,
        "padding": pair(padding, axes),
        "dilation": pair(dilation, axes),
    }
    seen = trace.builder.windows(symbol, kernel, bool(ceil_mode), **geometry)
    step = trace.builder.steps[-1]
    assert isinstance(step, Window)
    present = spatial_places(step) >= 0
    return trace.builder.extreme(seen, 1.0, present), Arrangement("axis", trace.memory.rows)


def _adaptive_max_pool(trace: Trace, node: str, x: Any, output_size: Any) -> Result:
    symbol = batched(trace, node, x, len(output_size) + 2)
    sides = symbol.shape[1:]
    spatial = joint_places(sides, adaptive_reads(sides, tuple(map(int, output_size))))
    places = of_channels(spatial, symbol.shape[0], sides)
    slots = trace.builder.place(symbol, places.ravel(), places.shape)
    best = trace.builder.extreme(slots, 1.0, spatial >= 0)
    return best, Arrangement("axis", trace.memory.rows)


_MAXIMUM, _MINIMUM = _extreme(1.0), _extreme(-1.0)

RULES: dict[str, Callable[..., Result]] = {
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max"), _clamp),
    "hardtanh": _hardtanh,
    "hardsigmoid": _hardsigmoid,
    "softshrink": _softshrink,
    "threshold": _threshold,
    "_prelu_kernel": _prelu,
    "abs": _abs,
    **dict.fromkeys(("max", "amax", "maximum", "fmax"), _MAXIMUM),
    **dict.fromkeys(("min", "amin", "minimum", "fmin"), _MINIMUM),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), _max_pool),
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d"), _adaptive_max_pool),
}
