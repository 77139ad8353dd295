"""Reads an ONNX file: it is run in torch, and read from that run, like a module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from regions.errors import (
    ArgumentError,
    DataError,
    DependencyError,
    RegionsError,
    UnsupportedModelError,
)
from regions.networks.final import LOGITS
from regions.networks.network import ReLUNetwork
from regions.networks.onnx_operations import OPERATIONS, SMOOTH
from regions.networks.onnx_reference import evaluate, input_of
from regions.networks.probes import probe_points
from regions.networks.read_torch import read_module
from regions.networks.verify import verify

_LARGEST = 2 * 1024**3  # the format's own limit without external data
_FINAL = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}


def read_onnx(path: Path, output: str | int | None = None) -> ReLUNetwork:
    """Return the network in `path`, verified against the ONNX reference evaluator."""
    model = _load(path)
    try:
        return _read(model, path, output)
    except RegionsError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {str(error)[:200]}); shapes, types or "
            "attributes of its nodes do not fit: export it again"
        ) from error


def _read(model: Any, path: Path, output: str | int | None) -> ReLUNetwork:
    name, left_off = _output_of(model.graph, output)
    nodes = _needed(model.graph, name)
    batched, shape = _input_shape(model.graph)
    program = _Program(model.graph, nodes, name, batched)
    net = read_module(program.eval(), shape)
    points = probe_points(net)
    found = evaluate(model, nodes, name, points, batched)
    verify(net, points, {None: found.reshape(len(points), *net.output_shape)}, path.name)
    return replace(net, left_off=left_off)


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


def _output_of(graph: Any, output: str | int | None) -> tuple[str, str | None]:
    """Return the name of the value that is meant, and what is left off behind it.

    Without a name it is the only output of floating numbers: classifiers give labels beside them.
    """
    names = [value.name for value in graph.output]
    if output in (None, LOGITS):
        real = [value.name for value in graph.output if _is_real(value)]
        if output == LOGITS and not real:  # probabilities by the names of classes
            real = [value.name for value in graph.output if value.type.HasField("sequence_type")]
        if len(real) != 1:
            raise UnsupportedModelError(
                f"the ONNX graph has the outputs {names}; name one that depends on the input with "
                "output="
            )
        name = real[0]
    elif isinstance(output, int) and 0 <= output < len(names):
        name = names[output]
    elif output in names:
        name = str(output)
    else:
        raise ArgumentError(f"output is {output!r}, but the ONNX graph has {names}")
    makers = {made: node for node in graph.node for made in node.output}
    left = None
    while output == LOGITS and left is None and name in makers:
        maker = makers[name]
        if maker.op_type == "Concat":
            maker = _one_of_two(maker, makers) or maker
        if maker.op_type not in (*_FINAL, "Identity", "ZipMap", "Cast"):
            break
        left, name = _FINAL.get(maker.op_type), maker.input[0]
    return name, left


def _one_of_two(concat: Any, makers: Mapping[str, Any]) -> Any | None:
    """Return the sigmoid p of the two probabilities 1 - p and p, as binary classifiers give them.

    That the first is 1 - p is not checked: only the logit is read.
    """
    first, last = concat.input[0], concat.input[-1]
    rest, sigmoid = makers.get(first), makers.get(last)
    if len(concat.input) != 2 or rest is None or sigmoid is None:
        return None
    found = rest.op_type == "Sub" and rest.input[1] == last and sigmoid.op_type == "Sigmoid"
    return sigmoid if found else None


def _is_real(value: Any) -> bool:
    import onnx

    single, double = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    kinds = (single, double, onnx.TensorProto.FLOAT16, 0)
    plain = value.type.WhichOneof("value") in ("tensor_type", None)
    return plain and value.type.tensor_type.elem_type in kinds


def _needed(graph: Any, name: str) -> list[Any]:
    """Return the nodes that a value depends on, in order."""
    wanted, nodes = {name}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted.update(node.input)
            nodes.append(node)
    return nodes[::-1]


def _input_shape(graph: Any) -> tuple[bool, tuple[int, ...]]:
    """Return whether the batch axis is free, and the shape of one input (as the file has it)."""
    value = input_of(graph)
    sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
    free = len(sizes) > 1 and sizes[0] < 1
    fixed = sizes[1:] if free else sizes
    if not fixed or min(fixed) < 1:
        raise UnsupportedModelError(
            f"the ONNX input {value.name!r} has shape {sizes}; expected fixed positive sizes, "
            "after a batch axis that may be free"
        )
    if not free and len(fixed) > 1 and fixed[0] == 1:
        return False, tuple(fixed[1:])
    return free, tuple(fixed)


@dataclass(frozen=True)
class _Fields:
    """Names and attributes of one node."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class _Node(nn.Module):
    """One operation; its class has the operation's name, which errors give."""

    def __init__(self, fields: _Fields):
        super().__init__()
        self.fields = fields

    def forward(self, values: dict[str, Any]) -> tuple | list:
        given = [values[name] if name else None for name in self.fields.inputs]
        while given and given[-1] is None:
            given.pop()
        out = OPERATIONS[type(self).__name__](*given, **self.fields.attributes)
        return out if isinstance(out, (tuple, list)) else (out,)


class _Program(nn.Module):
    """The nodes of a graph as a module.

    A file with a fixed batch of one, or without a batch axis, is run sample by sample.
    """

    def __init__(self, graph: Any, nodes: list[Any], output: str, batched: bool):
        from onnx import numpy_helper

        super().__init__()
        self.source, self.output, self.batched = input_of(graph).name, output, batched
        self.rank = len(input_of(graph).type.tensor_type.shape.dim)
        used = {source for node in nodes for source in node.input}
        for tensor in graph.initializer:
            if tensor.name in used:
                self._keep(tensor.name, numpy_helper.to_array(tensor))
        for position, node in enumerate(nodes):
            attributes = {a.name: _attribute(a) for a in node.attribute}
            if node.op_type == "Constant":
                (value,) = attributes.values()
                kind = np.float32 if isinstance(value, (float, list)) and _floats(value) else None
                self._keep(node.output[0], np.asarray(value, kind))
                continue
            if node.op_type not in OPERATIONS:
                raise _refusal(node)
            if node.op_type == "Split":
                attributes["outputs"] = len(node.output)
            made = {
                k: _tensor(v) if isinstance(v, np.ndarray) else v for k, v in attributes.items()
            }
            name = (node.name or f"{node.op_type}_{position}").replace(".", "_")
            fields = _Fields(tuple(node.input), tuple(node.output), made)
            self._modules[f"{name}" if name not in self._modules else f"{name}_{position}"] = type(
                node.op_type, (_Node,), {}
            )(fields)

    def _keep(self, name: str, array: np.ndarray) -> None:
        self._buffers[name] = _tensor(array)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(x) if self.batched else torch.vmap(self._one)(x)

    def _one(self, x: torch.Tensor) -> torch.Tensor:
        lead = x.ndim < self.rank
        out = self._run(x[None] if lead else x)
        return out[0] if lead and out.ndim and len(out) == 1 else out

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        values: dict[str, Any] = {**self._buffers, self.source: x}
        for node in self._modules.values():
            assert isinstance(node, _Node)
            for name, value in zip(node.fields.outputs, node(values), strict=False):
                values[name] = value
        return values[self.output]


def _tensor(array: np.ndarray) -> torch.Tensor:
    try:
        return torch.from_numpy(np.array(array))
    except TypeError:
        raise UnsupportedModelError(
            f"the ONNX file holds a constant of type {array.dtype}; only numbers are read"
        ) from None


def _floats(value: Any) -> bool:
    return isinstance(value, float) or bool(value and isinstance(value[0], float))


def _attribute(attribute: Any) -> Any:
    from onnx import helper, numpy_helper

    value = helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if attribute.HasField("t") else value


def _refusal(node: Any) -> UnsupportedModelError:
    reason = "has no exact piecewise-linear form here"
    if node.op_type in SMOOTH:
        reason = "is not piecewise linear, so linear regions are not defined for it"
        if node.op_type in _FINAL:
            reason += "; if it is the last one, output='logits' leaves it off"
    return UnsupportedModelError(
        f"ONNX node {node.name or node.output[0]!r} is {node.op_type!r}, which {reason}. "
        f"Supported: {', '.join(sorted(OPERATIONS))}"
    )
