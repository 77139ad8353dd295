"""Reads an ONNX file: feed-forward networks as the verification community writes them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from regions.errors import DataError, DependencyError, RegionsError, UnsupportedModelError
from regions.networks.builder import Builder, Symbol, without_batch
from regions.networks.network import ReLUNetwork
from regions.networks.probes import probe_points
from regions.networks.verify import verify

_LARGEST = 2 * 1024**3  # the format's own limit without external data


def read_onnx(path: Path) -> ReLUNetwork:
    """Return the network in `path`, verified against the ONNX reference evaluator."""
    model = _load(path)
    try:
        return _read(model, path)
    except RegionsError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {str(error)[:200]}); shapes, types or "
            "attributes of its nodes do not fit: export it again"
        ) from error


def _read(model: Any, path: Path) -> ReLUNetwork:
    reader = _Reader(model)
    for node in model.graph.node:
        reader.visit(node)
    output = reader.values.get(model.graph.output[0].name)
    if len(model.graph.output) != 1 or not isinstance(output, Symbol):
        raise UnsupportedModelError(
            f"{path.name} must have one output that depends on its input; it has "
            f"{[value.name for value in model.graph.output]}"
        )
    net = reader.builder.finish(output)
    points = probe_points(net)
    verify(net, points, {None: _evaluate(model, points)}, path.name)
    return net


def _load(path: Path) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise DependencyError(
            "reading .onnx files needs the package onnx: pip install 'relu-regions[onnx]'"
        ) from error
    if path.stat().st_size > _LARGEST:
        raise DataError(f"{path} has {path.stat().st_size} bytes; at most {_LARGEST} are read")
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:
        raise DataError(
            f"{path} is not a valid ONNX file ({type(error).__name__}); it may be truncated or "
            "of another format: export it again"
        ) from error
    return model


def _evaluate(model: Any, points: np.ndarray) -> np.ndarray:
    """Run the model in float64 by the reference evaluator, one sample at a time."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    single, double = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    constants = [a.t for n in twin.graph.node for a in n.attribute if a.HasField("t")]
    for tensor in [*twin.graph.initializer, *constants]:
        if tensor.data_type == single:
            array = onnx.numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    for value in [*twin.graph.input, *twin.graph.output, *twin.graph.value_info]:
        if value.type.tensor_type.elem_type == single:
            value.type.tensor_type.elem_type = double
    runner = ReferenceEvaluator(twin)
    name = _input_of(model.graph).name
    outputs: list[Any] = [runner.run(None, {name: point[None]}) for point in points]
    return np.concatenate([output[0] for output in outputs])


def _input_of(graph: Any) -> Any:
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1:
        raise UnsupportedModelError(
            f"the ONNX graph has inputs {[value.name for value in inputs]}; expected exactly one"
        )
    return inputs[0]


class _Reader:
    def __init__(self, model: Any):
        from onnx import numpy_helper

        self.to_array = numpy_helper.to_array
        value = _input_of(model.graph)
        sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if len(sizes) < 2 or min(sizes[1:]) < 1 or sizes[0] > 1:
            raise UnsupportedModelError(
                f"the ONNX input {value.name!r} has shape {sizes}; expected a batch axis (free or "
                "of size one) and then fixed positive sizes"
            )
        self.builder = Builder(tuple(sizes[1:]))
        self.values: dict[str, Any] = {value.name: self.builder.input}
        self.values.update({t.name: self.to_array(t) for t in model.graph.initializer})

    def visit(self, node: Any) -> None:
        """Turn one node into steps, or into a constant if it depends on none."""
        rule = _RULES.get(node.op_type)
        if rule is None:
            raise UnsupportedModelError(
                f"ONNX node {node.name or node.output[0]!r} is {node.op_type!r}, which has no "
                f"exact piecewise-linear form here. Supported: {', '.join(sorted(_RULES))}"
            )
        arguments = [self.values[name] if name else None for name in node.input]
        fields = {a.name: self._attribute(a) for a in node.attribute}
        self.values[node.output[0]] = rule(self, node, *arguments, **fields)

    def _attribute(self, attribute: Any) -> Any:
        from onnx import helper

        value = helper.get_attribute_value(attribute)
        return self.to_array(value) if attribute.HasField("t") else value


def _module_name(node: Any, place: int) -> str:
    return node.input[place].removesuffix(".weight") or node.name


def _gemm(r: _Reader, node: Any, x: Any, b: Any, c: Any = None, **fields: Any) -> Symbol:
    if fields.get("transA") or not isinstance(x, Symbol) or isinstance(b, Symbol):
        raise UnsupportedModelError(f"ONNX node {node.name!r}: Gemm must be value times constant")
    weight = fields.get("alpha", 1.0) * (b if fields.get("transB") else b.T)
    bias = None if c is None else np.asarray(fields.get("beta", 1.0) * c)
    if bias is not None:  # may have a batch axis of size one
        bias = np.broadcast_to(without_batch(Symbol("", weight.shape[:1]), bias), weight.shape[:1])
    return r.builder.linear(x, weight, bias, _module_name(node, 1))


def _matmul(r: _Reader, node: Any, x: Any, b: Any) -> Symbol:
    if not isinstance(x, Symbol) or isinstance(b, Symbol) or b.ndim != 2:
        raise UnsupportedModelError(
            f"ONNX node {node.name!r}: MatMul must be value @ constant matrix"
        )
    return r.builder.linear(x, b.T, None, _module_name(node, 1))


def _sides(r: _Reader, x: Symbol, pads: list[int], node: Any) -> tuple[Symbol, tuple[int, ...]]:
    """Return symmetric padding, after zeros are put on the heavier sides by a step of its own."""
    axes = len(pads) // 2
    begin, end = pads[:axes], pads[axes:]
    common = tuple(min(b, e) for b, e in zip(begin, end, strict=True))
    rest = [(b - m, e - m) for b, e, m in zip(begin, end, common, strict=True)]
    if any(b or e for b, e in rest):
        flat = [side for pair in reversed(rest) for side in pair]
        x = r.builder.move(x, lambda labels: functional.pad(labels, flat), node.name)
    return x, common


def _conv(r: _Reader, node: Any, x: Symbol, w: np.ndarray, b: Any = None, **f: Any) -> Symbol:
    axes = w.ndim - 2
    if f.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise UnsupportedModelError(f"ONNX node {node.name!r}: give explicit pads, not auto_pad")
    x, padding = _sides(r, x, list(f.get("pads", [0] * 2 * axes)), node)
    stride, dilation = tuple(f.get("strides", [1] * axes)), tuple(f.get("dilations", [1] * axes))
    name = _module_name(node, 1)
    return r.builder.conv(x, w, b, name, stride, padding, dilation, f.get("group", 1))


def _pool(r: _Reader, node: Any, x: Symbol, **fields: Any) -> Symbol:
    window = tuple(fields["kernel_shape"])
    pads = list(fields.get("pads", [0] * 2 * len(window)))
    if pads[: len(window)] != pads[len(window) :] and not fields.get("count_include_pad", 0):
        raise UnsupportedModelError(
            f"ONNX node {node.name!r}: average pooling with pads {pads} that differ between sides "
            "needs count_include_pad=1"
        )
    x, padding = _sides(r, x, pads, node)
    return r.builder.average_pool(
        x,
        window,
        stride=tuple(fields.get("strides", [1] * len(window))),
        padding=padding,
        ceil_mode=bool(fields.get("ceil_mode", 0)),
        count_include_pad=bool(fields.get("count_include_pad", 0)),
    )


def _normalise(
    r: _Reader, node: Any, x: Symbol, scale: Any, bias: Any, mean: Any, var: Any, **fields: Any
) -> Symbol:
    return r.builder.normalise(x, mean, var, scale, bias, fields.get("epsilon", 1e-5))


def _plus(sign: float) -> Callable:
    return lambda r, node, x, y: r.builder.plus(x, y, sign)


def _reshape(r: _Reader, node: Any, x: Any, shape: np.ndarray, **_: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x.reshape(shape)
    sizes = [int(size) for size in shape]
    sizes = [x.shape[i - 1] if size == 0 and i else size for i, size in enumerate(sizes)]
    if sizes[0] in (0, 1) or (sizes[0] == -1 and prod(sizes[1:]) > 0):
        sizes[0] = 2  # the batch on which moves are traced
    return r.builder.move(x, lambda labels: labels.reshape(sizes), node.name)


def _flatten(r: _Reader, node: Any, x: Symbol, axis: int = 1) -> Symbol:
    if axis != 1:
        raise UnsupportedModelError(f"ONNX node {node.name!r}: Flatten needs axis 1, got {axis}")
    return r.builder.move(x, lambda labels: labels.flatten(1), node.name)


def _spatial_mean(r: _Reader, node: Any, x: Symbol) -> Symbol:
    return r.builder.average_pool(x, None, shape=(1,) * (len(x.shape) - 1))


def _transpose(r: _Reader, node: Any, x: Any, perm: list[int]) -> Any:
    if isinstance(x, np.ndarray):
        return x.transpose(perm)
    return r.builder.move(x, lambda labels: torch.permute(labels, perm), node.name)


_RULES: dict[str, Callable] = {
    "Add": _plus(1.0),
    "AveragePool": _pool,
    "BatchNormalization": _normalise,
    "Constant": lambda r, node, value: value,
    "Conv": _conv,
    "Dropout": lambda r, node, x, *_, **__: x,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _spatial_mean,
    "Identity": lambda r, node, x: x,
    "LeakyRelu": lambda r, node, x, alpha=0.01: r.builder.relu(x, alpha),
    "MatMul": _matmul,
    "Relu": lambda r, node, x: r.builder.relu(x),
    "Reshape": _reshape,
    "Sub": _plus(-1.0),
    "Transpose": _transpose,
}
