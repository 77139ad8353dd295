"""Runs the nodes of an ONNX graph by the reference evaluator, beside which files are verified."""

from __future__ import annotations

from itertools import product
from typing import Any, cast

import numpy as np

from regions.errors import UnsupportedModelError


def input_of(graph: Any) -> Any:
    """Return the only input of a graph that is not stored in the file."""
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1:
        raise UnsupportedModelError(
            f"the ONNX graph has inputs {[value.name for value in inputs]}; expected exactly one"
        )
    return inputs[0]


def evaluate(
    model: Any, nodes: list[Any], name: str, points: np.ndarray, batched: bool
) -> np.ndarray:
    """Run some nodes in float64 by the reference evaluator, one sample at a time."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    del twin.graph.node[:]
    twin.graph.node.extend(nodes)
    del twin.graph.output[:]
    double = onnx.TensorProto.DOUBLE
    twin.graph.output.append(onnx.helper.make_tensor_value_info(name, double, None))
    for node in twin.graph.node:
        _widen_node(node)
    for tensor in twin.graph.initializer:
        _widen(tensor)
    del twin.graph.value_info[:]
    source = input_of(twin.graph)
    source.type.tensor_type.elem_type = double
    lead = batched or len(source.type.tensor_type.shape.dim) > points.ndim - 1
    runner = ReferenceEvaluator(twin, new_ops=[_max_pool()])
    feeds = [{source.name: point[None] if lead else point} for point in points]
    outputs: list[Any] = [cast(list, runner.run([name], feed))[0] for feed in feeds]
    return np.stack([np.asarray(out, dtype=np.float64) for out in outputs])


def _max_pool() -> Any:
    """Return max pooling for the evaluator, whose own is wrong with ceil_mode and padding."""
    from onnx.reference.op_run import OpRun

    class MaxPool(OpRun):
        """Max pooling over any number of axes."""

        def _run(self, x: Any, **fields: Any) -> tuple:
            return (_pooled(x, {k: v for k, v in fields.items() if v is not None}),)

    return MaxPool


def _pooled(x: np.ndarray, fields: dict[str, Any]) -> np.ndarray:
    kernel = list(fields["kernel_shape"])
    axes, sides = len(kernel), x.shape[2:]
    strides, dilations = (list(fields.get(k) or [1] * axes) for k in ("strides", "dilations"))
    pads, auto = list(fields.get("pads") or [0] * 2 * axes), fields.get("auto_pad", "NOTSET")
    reach = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    width, counts = [(0, 0), (0, 0)], []
    for i, n in enumerate(sides):
        begin, end = pads[i], pads[axes + i]
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            missing = max((-(-n // strides[i]) - 1) * strides[i] + reach[i] + 1 - n, 0)
            begin = missing // 2 if auto == "SAME_UPPER" else -(-missing // 2)
            end = missing - begin
        steps = n + begin + end - reach[i] - 1
        count = (-(-steps // strides[i]) if fields.get("ceil_mode") else steps // strides[i]) + 1
        count -= (count - 1) * strides[i] >= n + begin  # no window starts behind the values
        counts.append(count)
        width.append((begin, max(end, (count - 1) * strides[i] + reach[i] + 1 - n - begin)))
    padded = np.pad(x, width, constant_values=-np.inf)
    out = np.full((*x.shape[:2], *counts), -np.inf)
    for offset in product(*map(range, kernel)):
        starts = [d * o for d, o in zip(dilations, offset, strict=True)]
        seen = [
            slice(a, a + (c - 1) * s + 1, s)
            for a, c, s in zip(starts, counts, strides, strict=True)
        ]
        out = np.maximum(out, padded[(..., *seen)])
    return out


def _widen(tensor: Any) -> None:
    import onnx

    if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
        array = onnx.numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def _widen_node(node: Any) -> None:
    """Turn a node's single-precision constants and casts into double precision."""
    import onnx

    for attribute in list(node.attribute):
        if attribute.HasField("t"):
            _widen(attribute.t)
        elif node.op_type == "Cast" and attribute.name == "to":
            if attribute.i in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
                attribute.i = onnx.TensorProto.DOUBLE
        elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
            value = onnx.helper.get_attribute_value(attribute)
            array = np.asarray(np.asarray(value, np.float32), np.float64)
            made = onnx.helper.make_attribute("value", onnx.numpy_helper.from_array(array))
            attribute.CopyFrom(made)
