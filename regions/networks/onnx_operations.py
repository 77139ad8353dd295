"""What each ONNX operation is in torch; files are read from a run of these (`read_onnx`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from regions.errors import UnsupportedModelError

_LARGEST = 10**8  # values that an operation may make of its arguments
Operation = Callable[..., Any]


def _ints(value: Any) -> list[int]:
    """Return a constant tensor or attribute as whole numbers."""
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    return [int(v) for v in (value if isinstance(value, (list, tuple)) else [value])]


def _sized(shape: Sequence[int]) -> list[int]:
    sizes = [int(n) for n in shape]
    if prod(sizes) > _LARGEST:
        raise UnsupportedModelError(f"a value of shape {sizes} has more than {_LARGEST} numbers")
    return sizes


def _axes(given: Any, attribute: Any) -> list[int] | None:
    """Return axes, which are an attribute or, from opset 13 on, an argument."""
    value = attribute if given is None else given
    return None if value is None else _ints(value)


def _matrix(a: Any, b: Any, c: Any = None, alpha=1.0, beta=1.0, transA=0, transB=0) -> Any:
    a, b = (a.t() if transA else a), (b.t() if transB else b)
    if alpha == 1.0 and (c is None or (beta == 1.0 and c.shape == b.shape[1:])):
        return a @ b if c is None else torch.addmm(c, a, b)
    out = alpha * (a @ b)
    return out if c is None else out + beta * c


def _sides(x: Any, kernel: list[int], fields: dict[str, Any], fill: float = 0.0) -> tuple:
    """Return `x`, strides, padding, dilation; unequal padding becomes a step of its own."""
    axes = len(kernel)
    strides, dilations = (list(fields.get(name, [1] * axes)) for name in ("strides", "dilations"))
    auto, pads = fields.get("auto_pad", b"NOTSET"), list(fields.get("pads", [0] * 2 * axes))
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        total = []
        for n, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True):
            total.append(max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0))
        less, more = [t // 2 for t in total], [t - t // 2 for t in total]
        pads = less + more if auto == b"SAME_UPPER" else more + less
    begin, end = pads[:axes], pads[axes:]
    if begin != end:
        flat = [side for pair in reversed(list(zip(begin, end, strict=True))) for side in pair]
        x, begin = functional.pad(x, flat, value=fill), [0] * axes
    return x, strides, begin, dilations


def _conv(x: Any, w: Any, b: Any = None, group: int = 1, **fields: Any) -> Any:
    x, strides, padding, dilations = _sides(x, list(w.shape[2:]), fields)
    apply = (functional.conv1d, functional.conv2d, functional.conv3d)[w.ndim - 3]
    return apply(x, w, b, strides, padding, dilations, group)


def _conv_transpose(x: Any, w: Any, b: Any = None, group: int = 1, **fields: Any) -> Any:
    axes = w.ndim - 2
    pads = list(fields.get("pads", [0] * 2 * axes))
    auto = fields.get("auto_pad", b"NOTSET")
    if pads[:axes] != pads[axes:] or "output_shape" in fields or auto != b"NOTSET":
        raise UnsupportedModelError("ConvTranspose needs equal pads, without output_shape")
    apply = (
        functional.conv_transpose1d,
        functional.conv_transpose2d,
        functional.conv_transpose3d,
    )[axes - 1]
    strides, more, dilations = (
        list(fields.get(name, [default] * axes))
        for name, default in (("strides", 1), ("output_padding", 0), ("dilations", 1))
    )
    return apply(x, w, b, strides, pads[:axes], more, group, dilations)


def _max_pool(x: Any, kernel_shape: list[int], ceil_mode: int = 0, **fields: Any) -> Any:
    x, strides, padding, dilations = _sides(x, kernel_shape, fields, -1e300)
    apply = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)
    chosen = apply[len(kernel_shape) - 1]
    return chosen(x, kernel_shape, strides, padding, dilations, bool(ceil_mode))


def _average_pool(
    x: Any, kernel_shape: list[int], ceil_mode: int = 0, count_include_pad: int = 0, **fields: Any
) -> Any:
    kernel, axes = list(kernel_shape), len(kernel_shape)
    before = x.shape[2:]
    padded, strides, padding, dilations = _sides(x, kernel, fields)
    if any(d != 1 for d in dilations):
        raise UnsupportedModelError("AveragePool with dilations has no counterpart here")
    apply: Any = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[axes - 1]
    rest = (kernel, strides, padding, bool(ceil_mode))
    out = apply(padded, *rest, bool(count_include_pad))
    if padded.shape[2:] == before or count_include_pad:
        return out
    seen, *_ = _sides(torch.ones(1, 1, *before, dtype=torch.float64), kernel, fields)
    share = apply(seen, *rest, True)
    return out / share.to(out.dtype)


def _reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    sizes = _ints(shape)
    if not allowzero:
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(x: Any, axis: int = 1) -> Any:
    return x.flatten(1) if axis == 1 else x.reshape(prod(x.shape[:axis]), -1)


def _squeeze(x: Any, axes: Any = None, **fields: Any) -> Any:
    chosen = _axes(axes, fields.get("axes"))
    if chosen is None:
        return x.squeeze()
    for axis in sorted((a % x.ndim for a in chosen), reverse=True):
        x = x.squeeze(axis)
    return x


def _unsqueeze(x: Any, axes: Any = None, **fields: Any) -> Any:
    chosen = _axes(axes, fields.get("axes")) or []
    for axis in sorted(a % (x.ndim + len(chosen)) for a in chosen):
        x = x.unsqueeze(axis)
    return x


def _slice(x: Any, *given: Any, **fields: Any) -> Any:
    names = ("starts", "ends", "axes", "steps")
    given = (*given, *[None] * (4 - len(given)))
    read = (_axes(value, fields.get(name)) for value, name in zip(given, names, strict=True))
    starts, ends, axes, steps = cast(Any, read)
    axes = list(range(len(starts or []))) if axes is None else axes
    for i, axis in enumerate(axes):
        n, step = x.shape[axis], 1 if steps is None else steps[i]
        places = range(*slice(starts[i], ends[i], step).indices(n))
        if len(places) == 0 or step < 0:
            x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64))
        else:
            x = x[(slice(None),) * (axis % x.ndim) + (slice(places[0], places[-1] + 1, step),)]
    return x


def _split(x: Any, sizes: Any = None, axis: int = 0, **fields: Any) -> Any:
    chosen = _axes(sizes, fields.get("split"))
    if chosen is None:
        parts = fields.get("num_outputs") or fields["outputs"]
        size = -(-x.shape[axis] // parts)
        return torch.split(x, size, axis)
    return torch.split(x, chosen, axis)


def _gather(x: Any, index: Any, axis: int = 0) -> Any:
    index = torch.where(index < 0, index + x.shape[axis], index).to(torch.int64)
    if index.ndim == 0:
        return x.select(axis, int(index))
    taken = x.index_select(axis, index.reshape(-1))
    return taken.reshape(*x.shape[: axis % x.ndim], *index.shape, *x.shape[axis % x.ndim + 1 :])


def _pad(x: Any, pads: Any = None, value: Any = None, axes: Any = None, **fields: Any) -> Any:
    mode, sides = fields.get("mode", b"constant"), _axes(pads, fields.get("pads")) or []
    if mode not in (b"constant", b"reflect", b"edge"):
        raise UnsupportedModelError(f"Pad has the mode {mode!r}")
    half, chosen = len(sides) // 2, _axes(axes, None)
    begin, end = [0] * x.ndim, [0] * x.ndim
    for i, axis in enumerate(range(half) if chosen is None else chosen):
        begin[axis], end[axis] = sides[i], sides[half + i]
    _sized([n + b + e for n, b, e in zip(x.shape, begin, end, strict=True)])
    pairs = list(zip(begin, end, strict=True))
    while len(pairs) > 1 and pairs[0] == (0, 0) and (mode == b"constant" or len(pairs) > 2):
        pairs = pairs[1:]
    flat = [side for pair in reversed(pairs) for side in pair]
    if mode == b"constant":
        fill = fields.get("value", 0.0) if value is None else float(value)
        return functional.pad(x, flat, value=fill)
    return functional.pad(x, flat, mode="reflect" if mode == b"reflect" else "replicate")


def _reduction(apply: Operation) -> Operation:
    def reduced(x: Any, axes: Any = None, keepdims: int = 1, **fields: Any) -> Any:
        chosen = _axes(axes, fields.get("axes"))
        if not chosen:
            if fields.get("noop_with_empty_axes"):
                return x
            chosen = list(range(x.ndim))
        return apply(x, chosen, bool(keepdims))

    return reduced


def _product(x: Any, axes: list[int], keepdims: bool) -> Any:
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        x = torch.prod(x, axis, keepdims)
    return x


def _clip(x: Any, low: Any = None, high: Any = None, **fields: Any) -> Any:
    low, high = fields.get("min", low), fields.get("max", high)
    bounds = [None if b is None else float(b) for b in (low, high)]
    return x if bounds == [None, None] else torch.clamp(x, *bounds)


def _of_all(apply: Operation) -> Operation:
    def reduced(first: Any, *others: Any) -> Any:
        for other in others:
            first = apply(first, other)
        return first

    return reduced


def _resize(x: Any, *given: Any, **fields: Any) -> Any:
    mode = fields.get("mode", b"nearest")
    scales = given[-1] if len(given) == 1 else given[1] if len(given) > 1 else fields.get("scales")
    sizes = given[2] if len(given) > 2 else None
    if sizes is not None:
        size = _ints(sizes)[2:]
    else:
        numbers = scales.tolist() if isinstance(scales, torch.Tensor) else list(cast(Any, scales))
        size = [int(n * s) for n, s in zip(x.shape[2:], numbers[2:], strict=True)]
    _sized([*x.shape[:2], *size])
    placed = fields.get("coordinate_transformation_mode", b"half_pixel")
    if mode == b"nearest" and placed == b"asymmetric":
        return functional.interpolate(x, size=size, mode="nearest")
    if mode == b"linear" and placed in (b"half_pixel", b"pytorch_half_pixel", b"align_corners"):
        kind = ("linear", "bilinear", "trilinear")[x.ndim - 3]
        return functional.interpolate(
            x, size=size, mode=kind, align_corners=placed == b"align_corners"
        )
    raise UnsupportedModelError(f"Resize has the mode {mode!r} with coordinates {placed!r}")


def _constant_of_shape(shape: Any, value: Any = None) -> Any:
    fill = torch.zeros(1) if value is None else value
    return torch.full(_sized(_ints(shape)), fill.item(), dtype=fill.dtype)


def _expand(x: Any, shape: Any) -> Any:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(_sized(_ints(shape)))))


def _tile(x: Any, repeats: Any) -> Any:
    _sized([n * r for n, r in zip(x.shape, _ints(repeats), strict=True)])
    return x.repeat(_ints(repeats))


def _depth_to_space(x: Any, blocksize: int, mode: bytes = b"DCR") -> Any:
    n, c, h, w = x.shape
    b = blocksize
    if mode == b"CRD":
        return functional.pixel_shuffle(x, b)
    parts = x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // b**2, h * b, w * b)


def _normalise(x: Any, scale: Any, bias: Any, mean: Any, variance: Any, **fields: Any) -> Any:
    factor = scale / torch.sqrt(variance + fields.get("epsilon", 1e-5))
    shape = (-1, *([1] * (x.ndim - 2)))
    return x * factor.reshape(shape) + (bias - mean * factor).reshape(shape)


def _cast(x: Any, to: int, **_: Any) -> Any:
    import onnx

    kind = onnx.helper.tensor_dtype_to_np_dtype(to)
    if np.issubdtype(kind, np.floating):
        return x if x.is_floating_point() else x.to(torch.float32)
    return x.to(torch.from_numpy(np.zeros(1, kind)).dtype)


def _divide(x: Any, y: Any) -> Any:
    if x.is_floating_point() or y.is_floating_point():
        return x / y
    return torch.div(x, y, rounding_mode="trunc")


def _shape(x: Any, start: int = 0, end: int | None = None) -> Any:
    return torch.tensor(list(x.shape)[start:end], dtype=torch.int64)


def _range(start: Any, limit: Any, delta: Any) -> Any:
    _sized([len(range(int(start), int(limit), int(delta)))])
    return torch.arange(int(start), int(limit), int(delta))


OPERATIONS: dict[str, Operation] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "AveragePool": _average_pool,
    "BatchNormalization": _normalise,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Div": _divide,
    "Dropout": lambda x, *_, **__: x,
    "Equal": torch.eq,
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": torch.floor,
    "Gather": _gather,
    "Gemm": _matrix,
    "GlobalAveragePool": lambda x: x.mean(tuple(range(2, x.ndim)), keepdim=True),
    "GlobalMaxPool": lambda x: x.amax(tuple(range(2, x.ndim)), keepdim=True),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: torch.clamp(alpha * x + beta, 0.0, 1.0),
    "Identity": lambda x: x,
    "LeakyRelu": lambda x, alpha=0.01: functional.leaky_relu(x, alpha),
    "MatMul": torch.matmul,
    "Max": _of_all(torch.maximum),
    "MaxPool": _max_pool,
    "Mean": lambda *parts: _of_all(torch.add)(*parts) / len(parts),
    "Min": _of_all(torch.minimum),
    "Mod": torch.remainder,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "PRelu": lambda x, slope: functional.relu(x) - slope * functional.relu(-x),
    "Pad": _pad,
    "Pow": torch.pow,
    "Range": _range,
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceMin": _reduction(torch.amin),
    "ReduceProd": _reduction(_product),
    "ReduceSum": _reduction(torch.sum),
    "Relu": functional.relu,
    "Reshape": _reshape,
    "Resize": _resize,
    "Scaler": lambda x, offset, scale: (x - torch.tensor(offset)) * torch.tensor(scale),
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Sqrt": torch.sqrt,
    "Squeeze": _squeeze,
    "Sub": torch.sub,
    "Sum": _of_all(torch.add),
    "Tile": _tile,
    "Transpose": lambda x, perm=None: x.permute(perm or list(range(x.ndim))[::-1]),
    "Unsqueeze": _unsqueeze,
    "Where": torch.where,
}
# known, but of no linear regions: refused by their name
SMOOTH = frozenset(
    "Tanh Sigmoid Softmax LogSoftmax Elu Selu Celu Gelu Softplus Softsign Erf Exp Log Sin Cos "
    "HardSwish Mish LayerNormalization InstanceNormalization GroupNormalization LSTM GRU".split()
)
