"""What each torch operation becomes: one short rule per operation of ATen's that is dispatched.

A rule gets the trace, the name of the node and the operation's arguments by name (`self` and
`input` as `x`), and returns the symbol of the result and where its samples are. Operations that
only move values need no rule: they are run on labels (see `regions.networks.memory`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from regions.errors import UnsupportedModelError
from regions.networks.builder import Builder, Symbol
from regions.networks.memory import Arrangement, Memory


class Trace(Protocol):
    """What rules need of a run: the network so far, its memory, and names for weights."""

    builder: Builder
    memory: Memory
    compared: bool
    preactivations: dict[str | None, np.ndarray]

    def weight_name(self, weight: torch.Tensor, node: str) -> str: ...


Place = Callable[[torch.Tensor], torch.Tensor]
Result = tuple[Symbol, Place]


def _numpy(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    if value.layout is not torch.strided:
        raise UnsupportedModelError(f"a constant has the layout {value.layout}; make it dense")
    # a copy: NumPy's view of a tensor would mark it as shared
    return value.detach().resolve_neg().to(torch.float64, copy=True).numpy()


def pair(value: Any, axes: int) -> tuple[int, ...]:
    values = tuple(int(v) for v in value)
    return values * axes if len(values) == 1 else values


def batched(trace: Trace, node: str, x: torch.Tensor, axes: int | None = None) -> Symbol:
    """Return the symbol of `x`, whose samples must be on its first axis, and its rank `axes`."""
    symbol, place = trace.memory.read(x)
    if place.kind != "axis" or place.axis != 0 or axes not in (None, x.ndim):
        raise UnsupportedModelError(
            f"{node} is fed a value of shape {tuple(x.shape)}, whose samples are not on the first "
            f"of {axes or x.ndim} axes; give it a batch"
        )
    return symbol


# --- element by element --------------------------------------------------------------------------


def operands(trace: Trace, *values: Any) -> tuple[list[Any], Place]:
    """Return each value as a symbol or a constant that broadcasts to one sample, and the place."""
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    shape = np.broadcast_shapes(*(tensor.shape for tensor in tensors))  # torch's imports SymPy
    held = [isinstance(value, torch.Tensor) and trace.memory.holds(value) for value in values]
    read = {
        i: trace.memory.read(value if value.shape == shape else value.expand(shape))
        for i, value in enumerate(values)
        if held[i]
    }
    places = {place for _, place in read.values()}
    if len(places) != 1:
        raise UnsupportedModelError("two values meet whose samples are on different axes")
    place = places.pop()
    found = [
        read[i][0] if held[i] else _per_sample(value, shape, place)
        for i, value in enumerate(values)
    ]
    return found, place


def _per_sample(value: Any, shape: tuple[int, ...], place: Arrangement) -> Any:
    """Return a constant as one sample meets it; it must be the same for all."""
    if not isinstance(value, torch.Tensor):
        return value
    if value.numel() == 1:
        return float(value)
    if place.kind == "axis" and place.axis == 0:
        if value.ndim < len(shape):
            return _numpy(value)
        if value.shape[0] == 1:
            return _numpy(value[0])
    spread = place(value.expand(shape))
    if not torch.equal(spread, spread[:1].expand_as(spread)):
        raise UnsupportedModelError(
            f"a constant of shape {tuple(value.shape)} has a batch axis; constants must be the "
            "same for all samples"
        )
    return _numpy(spread[0])


def _add(trace: Trace, node: str, x: Any, other: Any, alpha: float = 1, **_: Any) -> Result:
    (x, other), place = operands(trace, x, other)
    builder, alpha = trace.builder, float(alpha)
    if isinstance(x, Symbol) and isinstance(other, Symbol):
        if abs(alpha) != 1.0:
            other = builder.scale(other, alpha)
        return builder.add(x, other, alpha if abs(alpha) == 1.0 else 1.0), place
    if isinstance(x, Symbol):
        return builder.scale(x, None, alpha * other), place
    return builder.scale(other, None if alpha == 1.0 else alpha, x), place


def _sub(trace: Trace, node: str, x: Any, other: Any, alpha: float = 1, **_: Any) -> Result:
    return _add(trace, node, x, other, -alpha)


def _rsub(trace: Trace, node: str, x: Any, other: Any, alpha: float = 1, **_: Any) -> Result:
    return _add(trace, node, other, x, -alpha)


def _mul(trace: Trace, node: str, x: Any, other: Any, **_: Any) -> Result:
    (x, other), place = operands(trace, x, other)
    _one_factor(node, x, other)
    return _times(trace, x, other), place


def _div(
    trace: Trace, node: str, x: Any, other: Any, rounding_mode: str | None = None, **_: Any
) -> Result:
    if rounding_mode is not None:
        raise UnsupportedModelError(
            f"{node} divides and rounds (rounding_mode={rounding_mode!r}), which is not "
            "continuous; divide without rounding_mode"
        )
    (x, other), place = operands(trace, x, other)
    if isinstance(other, Symbol):
        raise UnsupportedModelError(f"{node} divides by a value that depends on the input")
    with np.errstate(divide="ignore"):  # an infinite factor is refused by its name later
        return trace.builder.scale(x, np.divide(1.0, other)), place


def _addcmul(
    trace: Trace, node: str, x: Any, tensor1: Any, tensor2: Any, value: float = 1, **_: Any
) -> Result:
    (x, one, two), place = operands(trace, x, tensor1, tensor2)
    _one_factor(node, one, two)
    return trace.builder.plus(_times(trace, _times(trace, one, two), value), x), place


def _lerp(trace: Trace, node: str, x: Any, end: Any, weight: Any, **_: Any) -> Result:
    (x, end, weight), place = operands(trace, x, end, weight)
    _one_factor(node, weight, x if isinstance(x, Symbol) else end)
    if isinstance(weight, Symbol):  # between two constants
        return trace.builder.plus(_times(trace, weight, end - x), x), place
    parts = _times(trace, x, 1.0 - weight), _times(trace, end, weight)
    return trace.builder.plus(*parts), place


def _times(trace: Trace, one: Any, two: Any) -> Any:
    """Return the product of two values of which one at most depends on the input."""
    if isinstance(one, Symbol):
        return trace.builder.scale(one, two)
    return trace.builder.scale(two, one) if isinstance(two, Symbol) else np.multiply(one, two)


def _one_factor(node: str, one: Any, two: Any) -> None:
    if isinstance(one, Symbol) and isinstance(two, Symbol):
        raise UnsupportedModelError(
            f"{node} multiplies two values that depend on the input, which is not piecewise linear"
        )


def _neg(trace: Trace, node: str, x: Any, **_: Any) -> Result:
    symbol, place = trace.memory.read(x)
    return trace.builder.scale(symbol, -1.0), place


def relu_rule(trace: Trace, node: str, x: Any, negative_slope: float = 0.0, **_: Any) -> Result:
    symbol, place = trace.memory.read(x)
    if trace.compared:
        trace.preactivations[symbol.name] = _numpy(place(x)[:2])
    return trace.builder.relu(symbol, float(negative_slope)), place


def _batch_norm(
    trace: Trace,
    node: str,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool = False,
    eps: float = 1e-5,
    **_: Any,
) -> Result:
    if training or running_mean is None or running_var is None:
        raise UnsupportedModelError(
            f"{node} normalises by the statistics of each batch, which is not piecewise linear; "
            "use track_running_stats=True"
        )
    factor = 1.0 / torch.sqrt(running_var.double() + eps)
    factor = factor if weight is None else factor * weight
    offset = -running_mean * factor if bias is None else bias - running_mean * factor
    shape = (1, -1, *([1] * (x.ndim - 2)))
    (symbol, factor, offset), place = operands(
        trace, x, factor.reshape(shape), offset.reshape(shape)
    )
    return trace.builder.scale(symbol, factor, offset), place


# --- products ------------------------------------------------------------------------------------


def _product(
    trace: Trace, node: str, x: Any, w: Any, bias: Any = None
) -> tuple[Symbol, Arrangement]:
    """Return x @ w (+ bias) of two matrices, of which one is constant."""
    left, right = trace.memory.holds(x), trace.memory.holds(w)
    if left and right:
        raise UnsupportedModelError(
            f"{node} multiplies two values that depend on the input, which is not piecewise linear"
        )
    symbol, place = trace.memory.read(x if left else w)
    crossed = place.kind == "axis" and place.axis == 1
    if crossed == left or (crossed and bias is not None):
        raise UnsupportedModelError(f"{node} is a matrix product that mixes samples of the batch")
    weight = w.mT if left else x
    name = trace.weight_name(weight, node)
    return trace.builder.linear(symbol, _numpy(weight), _numpy(bias), name), place


def _addmm(
    trace: Trace, node: str, x: Any, mat1: Any, mat2: Any, beta: float = 1, alpha: float = 1
) -> Result:
    plain = beta == 1 and alpha == 1 and x.ndim == 1 and not trace.memory.holds(x)
    if plain or not (trace.memory.holds(mat1) or trace.memory.holds(mat2)):
        return _product(trace, node, mat1, mat2, x)
    symbol, place = _product(trace, node, mat1, mat2)
    term = symbol if alpha == 1 else trace.builder.scale(symbol, float(alpha))
    if trace.memory.holds(x):
        other, where = trace.memory.read(x)
        if where != place:
            raise UnsupportedModelError("two values meet whose samples are on different axes")
    else:
        shape = (*mat1.shape[:-1], mat2.shape[-1])
        other = _per_sample(x, torch.Size(shape), place)
    if beta != 1:
        scaled = isinstance(other, Symbol)
        other = trace.builder.scale(other, float(beta)) if scaled else float(beta) * other
    return trace.builder.plus(term, other), place


def _mv(trace: Trace, node: str, x: Any, vec: Any) -> Result:
    symbol, place = _product(trace, node, x, vec.unsqueeze(1))
    flat = trace.builder.place(symbol, np.arange(symbol.size), symbol.shape[:-1])
    return flat, place


def _bmm(trace: Trace, node: str, x: Any, mat2: Any) -> Result:
    """Return a batched product with one constant matrix for all samples."""
    if x.shape[0] == 1:  # torch.einsum puts samples on the second axis
        symbol, place = _product(trace, node, x[0], mat2[0])
        return symbol, lambda out: place(out[0])
    left = trace.memory.holds(x)
    weight = mat2 if left else x
    if trace.memory.holds(weight) or not torch.equal(weight, weight[:1].expand_as(weight)):
        raise UnsupportedModelError(
            f"{node} is a batched product; one factor must be the same constant for all samples"
        )
    symbol, place = trace.memory.read(x if left else mat2)
    if place.kind == "axis" and place.axis != 0:
        raise UnsupportedModelError(f"{node} is a matrix product that mixes samples of the batch")
    weight = weight[0]
    if left:
        return trace.builder.linear(
            symbol, _numpy(weight.mT), None, trace.weight_name(weight.mT, node)
        ), place
    turned = trace.builder.swap(symbol)
    name = trace.weight_name(weight, node)
    return trace.builder.swap(trace.builder.linear(turned, _numpy(weight), None, name)), place


def _convolution(
    trace: Trace,
    node: str,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Result:
    axes = weight.ndim - 2
    if trace.memory.holds(weight):
        raise UnsupportedModelError(
            f"{node} is a convolution whose weights depend on the input, which is not piecewise "
            "linear"
        )
    symbol = batched(trace, node, x, axes + 2)
    if transposed:
        more = pair(output_padding, axes)
        numbers = {"stride": stride, "padding": padding, "dilation": dilation}
        sizes = {name: pair(value, axes) for name, value in numbers.items()}
        shape = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + o + 1
            for n, s, p, d, k, o in zip(
                symbol.shape[1:], *sizes.values(), weight.shape[2:], more, strict=True
            )
        )
        out = trace.builder.conv_transpose(
            symbol,
            _numpy(weight),
            _numpy(bias),
            trace.weight_name(weight, node),
            (weight.shape[1] * int(groups), *shape),
            output_padding=more,
            groups=int(groups),
            **sizes,
        )
        return out, Arrangement("axis", trace.memory.rows)
    out = trace.builder.conv(
        symbol,
        _numpy(weight),
        _numpy(bias),
        trace.weight_name(weight, node),
        stride=pair(stride, axes),
        padding=pair(padding, axes),
        dilation=pair(dilation, axes),
        groups=int(groups),
    )
    return out, Arrangement("axis", trace.memory.rows)


# --- means ---------------------------------------------------------------------------------------


def reduced(trace: Trace, node: str, x: Any, dim: Any) -> tuple[Symbol, list[int], tuple[int, ...]]:
    """Return the symbol, its reduced axes (of one sample), and the shape that keeps them."""
    symbol = batched(trace, node, x)
    dims = sorted(d % x.ndim for d in dim) if dim else list(range(x.ndim))
    if 0 in dims:
        raise UnsupportedModelError(
            f"{node} reduces over the batch axis (axes {dims} of {x.ndim}), so it mixes samples; "
            "name the other axes"
        )
    axes = [d - 1 for d in dims]
    kept = tuple(1 if i in axes else size for i, size in enumerate(symbol.shape))
    return symbol, axes, kept


def reshaped(trace: Trace, symbol: Symbol, kept: tuple[int, ...], axes: list, keepdim: bool):
    shape = kept if keepdim else tuple(s for i, s in enumerate(kept) if i not in axes)
    whole = trace.builder.place(symbol, np.arange(symbol.size), shape)
    return whole, Arrangement("axis", trace.memory.rows)


def _mean(
    trace: Trace, node: str, x: Any, dim: Any = None, keepdim: bool = False, **_: Any
) -> Result:
    symbol, axes, kept = reduced(trace, node, x, dim)
    rank = len(symbol.shape)
    if rank not in (2, 3) or axes != list(range(1, rank)):  # as one row of values per mean
        order = [i for i in range(rank) if i not in axes] + axes
        places = np.arange(symbol.size).reshape(symbol.shape).transpose(order).ravel()
        count = int(np.prod(kept, dtype=int))
        symbol = trace.builder.place(symbol, places, (count, symbol.size // count))
    pooled = trace.builder.average_pool(symbol, None, shape=(1,) * (len(symbol.shape) - 1))
    return reshaped(trace, pooled, kept, axes, keepdim)


def _sum(
    trace: Trace, node: str, x: Any, dim: Any = None, keepdim: bool = False, **_: Any
) -> Result:
    symbol, axes, kept = reduced(trace, node, x, dim)
    places = np.arange(symbol.size).reshape(symbol.shape)
    terms = np.moveaxis(places, axes, range(len(axes))).reshape(-1, int(np.prod(kept, dtype=int)))
    parts = [trace.builder.place(symbol, term, kept) for term in terms]
    return reshaped(trace, trace.builder.total(parts), kept, axes, keepdim)


RULES: dict[str, Callable[..., Result]] = {
    "add": _add,
    "sub": _sub,
    "rsub": _rsub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "addcmul": _addcmul,
    "lerp": _lerp,
    **dict.fromkeys(("relu", "leaky_relu"), relu_rule),
    "mm": lambda trace, node, x, mat2: _product(trace, node, x, mat2),
    "addmm": _addmm,
    "mv": _mv,
    "bmm": _bmm,
    "convolution": _convolution,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    "mean": _mean,
    "sum": _sum,
}
