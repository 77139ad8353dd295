"""What interpolation, running sums and pooling over three axes become: sums of few values each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from regions.errors import UnsupportedModelError
from regions.networks.builder import Symbol
from regions.networks.geometry import (
    adaptive_reads,
    joint_places,
    of_channels,
    window_counts,
    window_reads,
)
from regions.networks.memory import Arrangement
from regions.networks.operations import Result, Trace, batched, pair

_AXIS: dict[str, Callable] = {
    "linear": lambda x, size, corners, scale: torch.ops.aten.upsample_linear1d(
        x, [size], corners, scale
    ),
    "cubic": lambda x, size, corners, scale: torch.ops.aten.upsample_bicubic2d(
        x[..., None], [size, 1], corners, scale, None
    )[..., 0],
}


def _interpolation(method: str) -> Callable[..., Result]:
    def rule(
        trace: Trace,
        node: str,
        x: Any,
        output_size: Any,
        align_corners: bool,
        scales: Any = None,
        scales_d: Any = None,
        scales_h: Any = None,
        scales_w: Any = None,
    ) -> Result:
        symbol = batched(trace, node, x, len(output_size) + 2)
        channels, *sides = symbol.shape
        factors = [scales_d, scales_h, scales_w][3 - len(sides) :] if len(sides) > 1 else [scales]
        reads, weights = [], []
        for side, size, factor in zip(sides, output_size, factors, strict=True):
            eye = torch.eye(side, dtype=torch.float64)[None]
            matrix = _AXIS[method](eye, int(size), align_corners, factor)[0].numpy()  # (in, out)
            most = int((matrix != 0).sum(axis=0).max())
            order = np.argsort(matrix == 0, axis=0, kind="stable")[:most]
            taken = np.take_along_axis(matrix, order, axis=0)
            reads.append(np.where(taken != 0, order, -1))
            weights.append(taken)
        places = of_channels(joint_places(tuple(sides), reads), channels, tuple(sides))
        factor = np.ones((1,) * (len(sides) + 1))
        for axis, taken in enumerate(weights):
            shape = [len(taken), *([1] * len(sides))]
            shape[axis + 1] = taken.shape[1]
            product = factor[:, None] * taken.reshape(1, *shape)
            factor = product.reshape(-1, *product.shape[2:])
        factor = np.broadcast_to(np.where(places < 0, 0.0, factor[:, None]), places.shape)
        return trace.builder.taps(symbol, places, factor), Arrangement("axis", trace.memory.rows)

    return rule


def _cumsum(trace: Trace, node: str, x: Any, dim: int, **_: Any) -> Result:
    symbol, axis = batched(trace, node, x), dim % x.ndim - 1
    if axis < 0:
        raise UnsupportedModelError(f"{node} adds up over the batch, so it mixes samples")
    index = np.moveaxis(np.arange(symbol.size).reshape(symbol.shape), axis, 0)
    terms = []
    for shift in range(len(index)):
        moved = np.full_like(index, -1)
        moved[shift:] = index[: len(index) - shift]
        terms.append(np.moveaxis(moved, 0, axis))
    places = np.stack(terms)
    weights = (places >= 0).astype(np.float64)
    return trace.builder.taps(symbol, places, weights), Arrangement("axis", trace.memory.rows)


def _average_windows(
    trace: Trace,
    node: str,
    x: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Result:
    """Return average pooling over any number of axes, or with a divisor of its own."""
    if x.ndim == 4 and divisor_override is None:
        rest = (stride, padding, ceil_mode, count_include_pad)
        return _average_images(trace, node, x, kernel_size, *rest)
    axes = x.ndim - 2
    symbol = batched(trace, node, x, axes + 2)
    sides, kernel = symbol.shape[1:], pair(kernel_size, axes)
    stride, padding = pair(stride, axes) if len(stride) else kernel, pair(padding, axes)
    one = (1,) * axes
    counts = window_counts(sides, kernel, ceil_mode, stride, padding, one)
    geometry = zip(sides, counts, kernel, stride, padding, one, strict=True)
    spatial = joint_places(sides, [window_reads(*numbers) for numbers in geometry])
    seen: Any = (spatial >= 0).sum(axis=0)
    if divisor_override is not None:
        seen = divisor_override
    elif count_include_pad and any(padding):
        outer = [n + 2 * p for n, p in zip(sides, padding, strict=True)]
        geometry = zip(outer, counts, kernel, stride, (0,) * axes, one, strict=True)
        seen = (joint_places(tuple(outer), [window_reads(*g) for g in geometry]) >= 0).sum(axis=0)
    return _averaged(trace, symbol, spatial, seen)


def _adaptive(trace: Trace, node: str, x: Any, output_size: Any) -> Result:
    symbol = batched(trace, node, x, len(output_size) + 2)
    sides = symbol.shape[1:]
    spatial = joint_places(sides, adaptive_reads(sides, tuple(map(int, output_size))))
    return _averaged(trace, symbol, spatial, (spatial >= 0).sum(axis=0))


def _averaged(trace: Trace, symbol: Symbol, spatial: np.ndarray, seen: Any) -> Result:
    """Return sums over the places that windows see, divided by `seen`."""
    builder = trace.builder
    places = of_channels(spatial, symbol.shape[0], symbol.shape[1:])
    total = builder.total([builder.place(symbol, part.ravel(), part.shape) for part in places])
    out = builder.scale(total, 1.0 / np.asarray(seen, dtype=np.float64))
    return out, Arrangement("axis", trace.memory.rows)


def _average_images(
    trace: Trace,
    node: str,
    x: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Result:
    """Return average pooling of images."""
    symbol = batched(trace, node, x, 4)
    window = pair(kernel_size, 2)
    pooled = trace.builder.average_pool(
        symbol,
        window,
        stride=pair(stride, 2) if len(stride) else window,
        padding=pair(padding, 2),
        ceil_mode=bool(ceil_mode),
        count_include_pad=bool(count_include_pad),
    )
    return pooled, Arrangement("axis", trace.memory.rows)


def _adapt(trace: Trace, node: str, x: Any, output_size: Any) -> Result:
    symbol = batched(trace, node, x, 4)
    pooled = trace.builder.average_pool(symbol, None, shape=tuple(int(s) for s in output_size))
    return pooled, Arrangement("axis", trace.memory.rows)


RULES: dict[str, Callable[..., Result]] = {
    **dict.fromkeys(
        ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"),
        _interpolation("linear"),
    ),
    "upsample_bicubic2d": _interpolation("cubic"),
    "cumsum": _cumsum,
    **dict.fromkeys(("avg_pool2d", "avg_pool3d"), _average_windows),
    "_adaptive_avg_pool2d": _adapt,
    "_adaptive_avg_pool3d": _adaptive,
}
