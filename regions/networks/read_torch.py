"""Reads a `torch.nn.Module`: by torch.fx, and by torch.export where fx cannot trace."""

from __future__ import annotations

import copy
import operator
import warnings
from typing import Any

import torch
from torch import fx, nn
from torch.fx.node import map_arg
from torch.nn.utils import prune

from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks.builder import Builder, Symbol
from regions.networks.network import ReLUNetwork
from regions.networks.operations import MODULES, OPERATIONS, SUPPORTED
from regions.networks.verify import probe_points, verify


def read_module(model: nn.Module, input_shape: tuple[int, ...] | None) -> ReLUNetwork:
    """Return `model` as a verified `ReLUNetwork`; the model itself is never changed."""
    twin = _double_twin(model)
    shape = input_shape or _first_features(twin)
    points = torch.from_numpy(probe_points(shape))
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        expected = _run(twin, points)  # also lets pruning hooks renew their weights
        _bake_pruning(twin)
        traced = _trace(twin, points[:2])
        net = _interpret(traced, twin, shape)
    verify(net, points.numpy(), expected.numpy(), f"the model ({type(model).__name__})")
    return net


def read_program(program: torch.export.ExportedProgram) -> ReLUNetwork:
    """Return a program saved by torch.export as a verified `ReLUNetwork`."""
    inputs = {name for name in program.graph_signature.user_inputs if isinstance(name, str)}
    values = [node.meta["val"] for node in program.graph.nodes if node.name in inputs]
    if len(values) != 1 or isinstance(values[0].shape[0], int):
        raise UnsupportedModelError(
            f"the exported program takes {len(values)} input(s) of shapes "
            f"{[tuple(value.shape) for value in values]}; expected one with a free batch axis: "
            "export with dynamic_shapes=({0: torch.export.Dim('batch')},)"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about its own internals
        return read_module(program.module(), tuple(int(size) for size in values[0].shape[1:]))


def _double_twin(model: nn.Module) -> nn.Module:
    """Return a float64 CPU copy in eval mode; weights computed by hooks are copied detached."""
    memo = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(model, memo).to("cpu", torch.float64).eval()


def _bake_pruning(twin: nn.Module) -> None:
    """Replace pruned weights by plain ones, so that tracing does not meet pruning hooks.

    Parametrized weights are read as they are: removing a parametrization would change a class
    that the twin shares with the user's model.
    """
    for module in twin.modules():
        for hook in list(module._forward_pre_hooks.values()):
            if isinstance(hook, prune.BasePruningMethod):
                prune.remove(module, hook._tensor_name)


def _first_features(model: nn.Module) -> tuple[int, ...]:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            return (module.in_features,)
        if isinstance(module, (nn.Conv1d, nn.Conv2d)):
            break
    raise ArgumentError(
        f"the shape of {type(model).__name__}'s input cannot be read from it; give input_shape, "
        "the shape of one input without the batch axis, such as (1, 28, 28)"
    )


def _run(model: nn.Module, points: torch.Tensor) -> torch.Tensor:
    try:
        out = model(points)
    except Exception as error:
        raise ArgumentError(
            f"the model cannot be run on a batch of shape {tuple(points.shape)}: {error}; "
            "check input_shape"
        ) from error
    if not isinstance(out, torch.Tensor):
        raise UnsupportedModelError(
            f"the model returns a {type(out).__name__}; wrap it so that it returns one tensor"
        )
    return out


def _trace(model: nn.Module, points: torch.Tensor) -> fx.GraphModule | torch.export.ExportedProgram:
    try:
        return fx.symbolic_trace(model)
    except Exception as first:
        try:
            return torch.export.export(model, (points,))
        except Exception as second:
            raise UnsupportedModelError(
                f"{type(model).__name__} cannot be traced: its forward pass probably depends on "
                f"the values of its input. torch.fx said: {first}. torch.export said: "
                f"{str(second).splitlines()[0]}. Give a model without such control flow"
            ) from first


def _interpret(
    traced: fx.GraphModule | torch.export.ExportedProgram, model: nn.Module, shape: tuple[int, ...]
) -> ReLUNetwork:
    reader = _Reader(model, shape)
    if isinstance(traced, torch.export.ExportedProgram):
        reader.bind_exported(traced)
    for node in traced.graph.nodes:
        reader.visit(node)
    if not isinstance(reader.output, Symbol):
        raise UnsupportedModelError("the model must return one tensor that depends on its input")
    return reader.builder.finish(reader.output)


class _Reader:
    """Runs a traced graph on symbols: constants are computed, the rest becomes steps."""

    def __init__(self, model: nn.Module, shape: tuple[int, ...]):
        self.model = model
        self.builder = Builder(shape)
        self.values: dict[fx.Node, Any] = {}
        self.names: dict[int, str] = {}
        self.constants: dict[str, torch.Tensor] = {}
        self.output: Any = None
        self.inputs = 0

    def bind_exported(self, program: torch.export.ExportedProgram) -> None:
        signature = program.graph_signature
        tensors = {**program.state_dict, **program.constants}
        for table in (
            signature.inputs_to_parameters,
            signature.inputs_to_buffers,
            signature.inputs_to_lifted_tensor_constants,
        ):
            for placeholder, target in table.items():
                self.constants[placeholder] = tensors[target]
                self.names[id(tensors[target])] = target.removesuffix(".weight")

    def visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.values[node] = self._placeholder(node)
        elif node.op == "get_attr":
            value = operator.attrgetter(str(node.target))(self.model)
            self.names[id(value)] = str(node.target).removesuffix(".weight")
            self.values[node] = value
        elif node.op == "output":
            value = self._argument(node.args[0])
            self.output = (
                value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
            )
        else:
            self.values[node] = self._call(node)

    def _placeholder(self, node: fx.Node) -> Any:
        if node.name in self.constants:
            return self.constants[node.name]
        self.inputs += 1
        if self.inputs == 1:
            return self.builder.input
        if node.args:  # an optional argument of forward keeps its default
            return node.args[0]
        raise UnsupportedModelError(
            f"the model takes a second input, {node.name!r}; wrap it so that it takes one tensor"
        )

    def _argument(self, argument: Any) -> Any:
        return map_arg(argument, lambda node: self.values[node])

    def _call(self, node: fx.Node) -> Any:
        args, kwargs = self._argument(node.args), self._argument(node.kwargs)
        if node.op == "call_module":
            return self._call_module(node, args)
        operation = _operation_name(node)
        if not _holds_symbol((args, kwargs)):
            return self._constant(node, args, kwargs)
        rule = OPERATIONS.get(operation)
        if rule is None:
            raise _unsupported(node.name, operation)
        result = rule(self, node, *args, **kwargs)
        if _works_in_place(operation) and isinstance(node.args[0], fx.Node):
            self.values[node.args[0]] = result  # later readers see the changed value
        return result

    def _constant(self, node: fx.Node, args: tuple, kwargs: dict) -> Any:
        if node.op == "call_method":
            value = getattr(args[0], str(node.target))(*args[1:], **kwargs)
        else:
            value = node.target(*args, **kwargs)  # type: ignore[operator]
        if isinstance(value, torch.Tensor):  # a masked weight keeps its module's name
            stack = node.meta.get("nn_module_stack") or {}
            owner = list(stack.values())[-1][0] if stack else node.name
            self.names[id(value)] = _clean(owner) or node.name
        return value

    def _call_module(self, node: fx.Node, args: tuple) -> Any:
        module = self.model.get_submodule(str(node.target))
        for kind, rule in MODULES.items():
            if isinstance(module, kind):
                result = rule(self, str(node.target), module, args[0])
                if getattr(module, "inplace", False) and isinstance(node.args[0], fx.Node):
                    self.values[node.args[0]] = result
                return result
        raise _unsupported(str(node.target), type(module).__name__)

    def weight_name(self, weight: torch.Tensor, node: fx.Node) -> str:
        """Return the module name of a weight used by a function."""
        return self.names.get(id(weight)) or node.name


def _clean(owner: str) -> str:
    return owner.removeprefix("L['self'].").removeprefix("L__self___")


def _operation_name(node: fx.Node) -> str:
    if isinstance(node.target, str):
        return node.target
    exported = getattr(node.target, "_opname", None)
    if exported == "batch_norm":  # same name as the function, but another order of arguments
        return "exported_batch_norm"
    return str(exported or getattr(node.target, "__name__", node.target))


def _works_in_place(operation: str) -> bool:
    in_place = operation.endswith("_") and not operation.endswith("__")
    return in_place or operation in {"iadd", "isub", "imul", "itruediv"}


def _holds_symbol(argument: Any) -> bool:
    if isinstance(argument, dict):
        return any(map(_holds_symbol, argument.values()))
    if isinstance(argument, (list, tuple)):
        return any(map(_holds_symbol, argument))
    return isinstance(argument, Symbol)


def _unsupported(name: str, operation: str) -> UnsupportedModelError:
    hint = ""
    lowered = operation.lower()
    if "max" in lowered and "pool" in lowered:
        hint = " Max pooling has regions of its own; use average pooling or strides."
    elif any(word in lowered for word in ("gelu", "tanh", "sigmoid", "silu", "softmax", "elu")):
        hint = " It is not piecewise linear, so linear regions are not defined for it."
    return UnsupportedModelError(
        f"node {name!r} is {operation!r}, which has no exact piecewise-linear form here.{hint} "
        f"Supported: {SUPPORTED}"
    )
