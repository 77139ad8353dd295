"""What each torch operation becomes: one short rule per operation, for modules and functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from regions.errors import UnsupportedModelError
from regions.networks.builder import Symbol, without_batch

SUPPORTED = (
    "Linear, Conv1d, Conv2d, BatchNorm1d, BatchNorm2d, AvgPool, AdaptiveAvgPool, mean over space, "
    "ReLU, LeakyReLU, addition, subtraction, products with constants, Flatten, reshape, view, "
    "permute, slices, zero padding, Dropout, Identity"
)


def _pair(value: Any, axes: int) -> tuple[int, ...]:
    return (int(value),) * axes if isinstance(value, int) else tuple(int(v) for v in value)


def _numpy(value: Any) -> Any:
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value


# --- affine operations ---------------------------------------------------------------------------


def _linear(reader: Any, name: str, x: Symbol, weight: Any, bias: Any = None) -> Symbol:
    return reader.builder.linear(x, _numpy(weight), _numpy(bias), name)


def _convolve(
    reader: Any,
    name: str,
    x: Symbol,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Symbol:
    axes = weight.ndim - 2
    stride, dilation = _pair(stride, axes), _pair(dilation, axes)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        sides = [side for t in reversed(total) for side in (t // 2, t - t // 2)]
        x = reader.builder.move(x, lambda labels: functional.pad(labels, sides), name)
        padding = 0
    pads = (0,) * axes if padding == "valid" else _pair(padding, axes)
    return reader.builder.conv(
        x, _numpy(weight), _numpy(bias), name, stride, pads, dilation, int(groups)
    )


def _normalise(
    reader: Any, name: str, x: Symbol, mean: Any, variance: Any, weight: Any, bias: Any, eps: float
) -> Symbol:
    if mean is None or variance is None:
        raise UnsupportedModelError(
            f"layer {name!r} normalises by the statistics of each batch, which is not piecewise "
            "linear; use track_running_stats=True"
        )
    statistics = (_numpy(value) for value in (mean, variance, weight, bias))
    return reader.builder.normalise(x, *statistics, eps)


def _average(
    reader: Any,
    axes: int,
    x: Symbol,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Symbol:
    if divisor_override is not None:
        raise UnsupportedModelError("average pooling with divisor_override; leave it at None")
    window = _pair(window, axes)
    return reader.builder.average_pool(
        x,
        window,
        stride=_pair(stride, axes) if stride not in (None, []) else window,
        padding=_pair(padding, axes),
        ceil_mode=bool(ceil_mode),
        count_include_pad=bool(count_include_pad),
    )


def _adapt(reader: Any, axes: int, x: Symbol, size: Any) -> Symbol:
    sizes = (size,) * axes if size is None or isinstance(size, int) else tuple(size)
    spatial = tuple(
        int(old if new is None else new) for old, new in zip(x.shape[1:], sizes, strict=True)
    )
    return reader.builder.average_pool(x, None, shape=spatial)


def _mean(reader: Any, node: Any, x: Symbol, dim: Any = None, keepdim: bool = False, **_: Any):
    rank = len(x.shape) + 1
    dims = sorted(d % rank for d in ([dim] if isinstance(dim, int) else dim or []))
    if dims != list(range(2, rank)):
        raise UnsupportedModelError(
            f"node {node.name!r} is a mean over axes {dims} of a value with {rank} axes; only the "
            "mean over all spatial axes is supported"
        )
    pooled = reader.builder.average_pool(x, None, shape=(1,) * (rank - 2))
    return pooled if keepdim else reader.builder.move(pooled, lambda t: t.flatten(1), node.name)


def _plus(reader: Any, x: Any, y: Any, sign: float) -> Symbol:
    return reader.builder.plus(_numpy(x), _numpy(y), sign)


def _times(reader: Any, node: Any, x: Any, y: Any) -> Symbol:
    if isinstance(x, Symbol) and isinstance(y, Symbol):
        raise UnsupportedModelError(
            f"node {node.name!r} multiplies two values that depend on the input, which is not "
            "piecewise linear"
        )
    symbol, value = (x, y) if isinstance(x, Symbol) else (y, x)
    return reader.builder.scale(symbol, without_batch(symbol, _numpy(value)))


def _divide(reader: Any, node: Any, x: Any, y: Any) -> Symbol:
    if isinstance(y, Symbol):
        raise UnsupportedModelError(f"node {node.name!r} divides by a value that depends on input")
    return reader.builder.scale(x, 1.0 / without_batch(x, _numpy(y)))


def _product(reader: Any, node: Any, x: Any, weight: Any) -> Symbol:
    if not isinstance(x, Symbol) or isinstance(weight, Symbol) or weight.ndim != 2:
        raise UnsupportedModelError(
            f"node {node.name!r} is a matrix product; only value @ constant matrix is supported"
        )
    return _linear(reader, reader.weight_name(weight, node), x, weight.T)


# --- nonlinear, neutral and moving operations ----------------------------------------------------


def _leaky(reader: Any, node: Any, x: Symbol, slope: float = 0.01, *_: Any, **fields: Any):
    return reader.builder.relu(x, fields.get("negative_slope", slope))


def _drop(
    reader: Any, node: Any, x: Symbol, p: float = 0.5, training: bool = True, *_: Any, **__: Any
):
    if training:
        raise UnsupportedModelError(
            f"node {node.name!r} drops units at random even in eval mode; use nn.Dropout or pass "
            "training=self.training"
        )
    return x


def _moves(function: Callable) -> Callable:
    def rule(reader: Any, node: Any, x: Symbol, *args: Any, **kwargs: Any) -> Any:
        return reader.builder.move(x, lambda t: function(t, *args, **kwargs), node.name)

    return rule


def _pad(reader: Any, node: Any, x: Symbol, pad: Any, mode: str = "constant", value: Any = None):
    if mode == "constant" and value not in (None, 0, 0.0):
        raise UnsupportedModelError(
            f"node {node.name!r} pads with {value}; only zeros are supported"
        )
    # reflection and replication need floating values; labels stay exact in float64
    return reader.builder.move(
        x, lambda t: functional.pad(t.double(), list(pad), mode).long(), node.name
    )


def _size(reader: Any, node: Any, x: Symbol, axis: int | None = None) -> Any:
    shape = (2, *x.shape)  # every rule for moves works on a batch of two
    return shape if axis is None else shape[axis]


def _attribute(reader: Any, node: Any, x: Symbol, name: str) -> Any:
    if name == "shape":
        return (2, *x.shape)
    if name in ("ndim",):
        return len(x.shape) + 1
    raise UnsupportedModelError(f"node {node.name!r} reads the attribute {name!r} of a value")


def _item(reader: Any, node: Any, x: Any, index: Any) -> Any:
    if isinstance(x, Symbol):
        return reader.builder.move(x, lambda t: t[index], node.name)
    return x[index]


def _same(reader: Any, node: Any, x: Symbol, *_: Any, **__: Any) -> Symbol:
    return x


def _relu(reader: Any, node: Any, x: Symbol, *_: Any, **__: Any) -> Symbol:
    return reader.builder.relu(x)


def _named(rule: Callable) -> Callable:
    """Give a rule for weights the name of the module that owns them."""

    def with_name(reader: Any, node: Any, x: Any, weight: Any, *args: Any, **kwargs: Any) -> Symbol:
        if isinstance(weight, Symbol) or not isinstance(x, Symbol):
            raise UnsupportedModelError(
                f"node {node.name!r} uses a weight that depends on the input"
            )
        return rule(reader, reader.weight_name(weight, node), x, weight, *args, **kwargs)

    return with_name


def _batch_norm(
    reader: Any,
    node: Any,
    x: Symbol,
    mean: Any = None,
    variance: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *_: Any,
    **fields: Any,
) -> Symbol:
    mean = fields.get("running_mean", mean)
    variance = fields.get("running_var", variance)
    if training:
        mean = None
    return _normalise(reader, node.name, x, mean, variance, weight, bias, eps)


def _exported_batch_norm(
    reader: Any, node: Any, x: Symbol, weight: Any, bias: Any, mean: Any, variance: Any, *rest: Any
) -> Symbol:
    training, _, eps, *_ = rest
    mean = None if training else mean
    return _normalise(reader, node.name, x, mean, variance, weight, bias, float(eps))


def _tensor_method(name: str) -> Callable:
    return lambda t, *args, **kwargs: getattr(t, name)(*args, **kwargs)


_MOVING = (
    *("flatten", "reshape", "view", "squeeze", "unsqueeze", "permute", "transpose", "swapaxes"),
    *("movedim", "narrow", "select", "unflatten"),
)
_NEUTRAL = ("contiguous", "clone", "detach", "alias", "to", "float", "double")

OPERATIONS: dict[str, Callable] = {
    **{name: _moves(_tensor_method(name)) for name in _MOVING},
    **{name: _same for name in _NEUTRAL},
    **dict.fromkeys(("relu", "relu_"), _relu),
    **dict.fromkeys(("leaky_relu", "leaky_relu_"), _leaky),
    **dict.fromkeys(("dropout", "dropout_", "dropout2d", "feature_dropout"), _drop),
    **dict.fromkeys(("linear", "_linear"), _named(_linear)),
    **dict.fromkeys(("conv1d", "conv2d"), _named(_convolve)),
    **dict.fromkeys(("matmul", "mm"), _product),
    **dict.fromkeys(("add", "iadd", "add_"), lambda r, n, x, y, **_: _plus(r, x, y, 1.0)),
    **dict.fromkeys(("sub", "isub", "sub_"), lambda r, n, x, y, **_: _plus(r, x, y, -1.0)),
    "rsub": lambda r, n, x, y, **_: _plus(r, y, x, -1.0),
    **dict.fromkeys(("mul", "imul", "mul_"), _times),
    **dict.fromkeys(("div", "truediv", "itruediv", "div_"), _divide),
    "neg": lambda r, n, x: r.builder.scale(x, -1.0),
    "avg_pool1d": lambda r, n, x, *a, **k: _average(r, 1, x, *a, **k),
    "avg_pool2d": lambda r, n, x, *a, **k: _average(r, 2, x, *a, **k),
    "adaptive_avg_pool1d": lambda r, n, x, size: _adapt(r, 1, x, size),
    "adaptive_avg_pool2d": lambda r, n, x, size: _adapt(r, 2, x, size),
    "mean": _mean,
    **dict.fromkeys(("pad", "_pad"), _pad),
    "constant_pad_nd": lambda r, n, x, pad, value=0: _pad(r, n, x, pad, "constant", value),
    "slice": _moves(lambda t, *args: torch.ops.aten.slice.Tensor(t, *args)),
    "getitem": _item,
    "size": _size,
    "dim": lambda r, n, x: len(x.shape) + 1,
    "getattr": _attribute,
    "batch_norm": _batch_norm,
    "exported_batch_norm": _exported_batch_norm,
}


def _batch_norm_module(reader: Any, name: str, module: Any, x: Symbol) -> Symbol:
    return _normalise(
        reader,
        name,
        x,
        module.running_mean,
        module.running_var,
        module.weight,
        module.bias,
        module.eps,
    )


def _conv_module(reader: Any, name: str, module: Any, x: Symbol) -> Symbol:
    if module.padding_mode != "zeros":
        raise UnsupportedModelError(
            f"layer {name!r} pads by {module.padding_mode!r}; only zero padding is supported"
        )
    return _convolve(
        reader,
        name,
        x,
        module.weight,
        module.bias,
        module.stride,
        module.padding,
        module.dilation,
        module.groups,
    )


def _pool_module(axes: int) -> Callable:
    def rule(reader: Any, name: str, module: Any, x: Symbol) -> Symbol:
        return _average(
            reader,
            axes,
            x,
            module.kernel_size,
            module.stride,
            module.padding,
            module.ceil_mode,
            module.count_include_pad,
            getattr(module, "divisor_override", None),
        )

    return rule


MODULES: dict[type[nn.Module], Callable] = {
    nn.Linear: lambda r, name, m, x: _linear(r, name, x, m.weight, m.bias),
    nn.Conv1d: _conv_module,
    nn.Conv2d: _conv_module,
    nn.BatchNorm1d: _batch_norm_module,
    nn.BatchNorm2d: _batch_norm_module,
    nn.AvgPool1d: _pool_module(1),
    nn.AvgPool2d: _pool_module(2),
    nn.AdaptiveAvgPool1d: lambda r, name, m, x: _adapt(r, 1, x, m.output_size),
    nn.AdaptiveAvgPool2d: lambda r, name, m, x: _adapt(r, 2, x, m.output_size),
    nn.ReLU: lambda r, name, m, x: r.builder.relu(x),
    nn.LeakyReLU: lambda r, name, m, x: r.builder.relu(x, m.negative_slope),
    nn.Flatten: lambda r, name, m, x: r.builder.move(x, m, name),
    nn.Unflatten: lambda r, name, m, x: r.builder.move(x, m, name),
    nn.ZeroPad2d: lambda r, name, m, x: r.builder.move(x, m, name),
    nn.Identity: lambda r, name, m, x: x,
    nn.Dropout: lambda r, name, m, x: x,
    nn.Dropout1d: lambda r, name, m, x: x,
    nn.Dropout2d: lambda r, name, m, x: x,
}
