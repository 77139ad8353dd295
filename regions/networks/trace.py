"""Follows the operations that a model's own run dispatches, and describes the network they make.

Below torch's functions, methods and modules every program is a sequence of ATen operations on
memory. The trace sees each of them while the model runs, with the real tensors, so it reads what
is computed, however it is written: in place, through views, by hooks, by other branches. Where
values of the input reach Python, later operations may depend on them, and the model is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from regions.errors import RegionsError, UnsupportedModelError
from regions.networks.builder import Builder, Symbol
from regions.networks.memory import Arrangement, Memory, key_of
from regions.networks.network import ReLUNetwork
from regions.networks.operations import MOVING, RULES, SHAPE_ONLY, TURNING, unsupported
from regions.networks.precision import Double, changes_memory, gives_views

_READS = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
_METADATA = ("is_same_size", "is_set_to", "_has_compatible_shallow_copy_type")


def _tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _written(func: Any, bound: Mapping[str, Any]) -> list[torch.Tensor]:
    aliases = {argument.name: argument.alias_info for argument in func._schema.arguments}
    written = [name for name, alias in aliases.items() if alias is not None and alias.is_write]
    return _tensors([bound.get(name) for name in written])


class Trace(Double):
    """One run of a model on a batch, followed operation by operation.

    Parameters
    ----------
    names : mapping from storages to (path of the module, name of the tensor, tensor)
        Tensors that the model owns.
    protected : set of storages
        Tensors of the user's own model, which must not be written to.
    halves : set of dtypes
        Short number types that the model itself uses; casts to others round values.
    known : ReLUNetwork
        What another run gave, to share its arrays.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        rows: int,
        names: Mapping[int, list[tuple[str, str, torch.Tensor]]],
        protected: frozenset[int],
        halves: frozenset[torch.dtype],
        known: ReLUNetwork | None = None,
    ):
        super().__init__()
        self.builder = Builder(shape, None if known is None else known.parameters)
        self.memory = Memory(self.builder, rows)
        self.refusal: RegionsError | None = None
        self.preactivations: dict[str | None, np.ndarray] = {}  # of two samples, by step
        self.writes = 0
        self.modules: list[tuple[str, nn.Module]] = []
        self._names, self._protected, self._halves = names, protected, halves
        self._made: dict[int, StorageWeakRef] = {}
        self._count = 0

    def begin(self, points: torch.Tensor) -> None:
        """Note that `points` are the input."""
        self.memory.write(points, self.builder.input)

    def end(self, out: Any) -> ReLUNetwork:
        """Return the network whose output is `out`."""
        if self.refusal is not None:  # even where the model caught the error
            raise self.refusal
        if not isinstance(out, torch.Tensor):
            raise UnsupportedModelError(
                f"the model returns a {type(out).__name__}; wrap it so that it returns one tensor"
            )
        if not self.memory.holds(out):
            raise UnsupportedModelError(
                "the output does not depend on the input; give a model that uses its input"
            )
        symbol, place = self.memory.read(out)
        if place != Arrangement("axis", self.memory.rows):
            raise UnsupportedModelError(
                f"the model's output of shape {tuple(out.shape)} does not have samples on its "
                "first axis; keep the batch axis first"
            )
        return self.builder.finish(symbol)

    def refuse(self, error: RegionsError) -> RegionsError:
        """Note that the model is refused, whatever it does with the error."""
        self.refusal = self.refusal or error
        return error

    def node(self, operation: str) -> str:
        """Return how errors call the operation that runs now."""
        if self.modules and self.modules[-1][0]:
            path, module = self.modules[-1]
            return f"node {path!r} ({type(module).__name__})"
        return f"node {f'{operation}_{self._count}'!r}"

    def execute(self, func: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run one operation and follow it."""
        self._count += 1
        parameters = func._schema.arguments
        bound = {p.name: p.default_value for p in parameters if p.has_default_value()}
        bound.update(zip((p.name for p in parameters), args, strict=False))
        bound.update(kwargs)
        operation = func._opname
        written = _written(func, bound)
        self.writes += len(written)
        self._protect(operation, written)
        held = [value for value in _tensors(bound) if self.memory.holds(value)]
        if held and any(tag in func.tags for tag in _READS):
            raise self.refuse(self._control_flow(operation, held))
        plan = self._plan(func, operation, bound, held) if held else None
        sources = {key_of(value) for value in _tensors(bound)}
        args, kwargs = self.widen(func, args, kwargs)
        out = self.finish(func, func(*args, **kwargs))
        self._note_made(func, out, sources)
        if held:
            self._settle(func, operation, plan, out, sources)
        else:
            self._note_constants(func, operation, written, out)
        return out

    def _protect(self, operation: str, written: list[torch.Tensor]) -> None:
        if any(key_of(value) in self._protected for value in written):
            raise self.refuse(
                UnsupportedModelError(
                    f"{self.node(operation)} ({operation!r}) writes to a parameter or buffer of "
                    "the model that was given, through a hook or a closure; remove it"
                )
            )

    def _control_flow(self, operation: str, held: list[torch.Tensor]) -> RegionsError:
        known = next((r for r in map(self.memory.reason, held) if r is not None), None)
        because = f" ({known})" if known is not None else ""
        return UnsupportedModelError(
            f"{self.node(operation)} reads values that depend on the input into Python "
            f"({operation!r}): control flow or hidden state may follow from them, so no one "
            f"description holds for all inputs. Give a model without such control flow{because}"
        )

    def _plan(self, func: Any, operation: str, bound: dict[str, Any], held: list) -> Any:
        """Return what the operation's result is: symbol and place, labels, or an error."""
        base = operation.rstrip("_") if changes_memory(func) else operation
        if operation in TURNING or gives_views(func) or operation in SHAPE_ONLY:
            return None
        try:
            if torch.Tag.nondeterministic_seeded in func.tags and base != "rrelu_with_noise":
                raise self._random(operation)
            if base in MOVING:
                return self._moved(func, operation, bound)
            if base not in RULES:
                raise next((r for r in map(self.memory.reason, held) if r), None) or unsupported(
                    self.node(operation), operation
                )
            renamed = {"x" if k in ("self", "input") else k: v for k, v in bound.items()}
            return RULES[base](self, self.node(operation), **renamed)
        except RegionsError as error:
            return error

    def _random(self, operation: str) -> RegionsError:
        return UnsupportedModelError(
            f"{self.node(operation)} draws at random even in eval mode ({operation!r}); use "
            "nn.Dropout, or pass training=self.training"
        )

    def _moved(self, func: Any, operation: str, bound: dict[str, Any]) -> torch.Tensor:
        """Return the labels of the result: the operation itself, run on labels."""
        rest = {k: v for k, v in bound.items() if k in ("accumulate", "reduce") and v}
        casts = bound.get("dtype")
        if operation == "_to_copy" and casts is not None and not self._exact(casts):
            raise UnsupportedModelError(
                f"{self.node(operation)} casts values to {casts}, which rounds them; stay in "
                "float32 or float64"
            )
        if rest or "out" in bound:
            raise UnsupportedModelError(
                f"{self.node(operation)} is {operation!r} with {rest or 'out='}; only plain moves "
                "of values are supported"
            )

        def label(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            if value.is_floating_point():
                return self.memory.labels(value).clone()
            if self.memory.holds(value):
                raise self.memory.reason(value) or unsupported(self.node(operation), operation)
            return value

        arguments = {k: tree_map(label, v) for k, v in bound.items()}
        for name in ("value", "self", "other"):
            if isinstance(arguments.get(name), (int, float)):
                arguments[name] = 0
        if operation == "_to_copy":
            arguments = {"self": arguments["self"]}
        positional = [p.name for p in func._schema.arguments if not p.kwarg_only]
        keywords = [p.name for p in func._schema.arguments if p.kwarg_only]
        return func(
            *(arguments[name] for name in positional if name in arguments),
            **{name: arguments[name] for name in keywords if name in arguments},
        )

    def _exact(self, dtype: torch.dtype) -> bool:
        return dtype in (torch.float32, torch.float64) or dtype in self._halves

    def _settle(self, func: Any, operation: str, plan: Any, out: Any, sources: set) -> None:
        """Note what the results of an operation on values of the input are."""
        found = _tensors(out)
        if not found and operation not in _METADATA:
            raise self.refuse(self._control_flow(operation, []))
        if plan is None:
            for value in found if operation not in SHAPE_ONLY else ():
                if key_of(value) not in sources or value.is_neg() or value.is_conj():
                    self.memory.spoil(value, unsupported(self.node(operation), operation))
            return
        try:
            if isinstance(plan, RegionsError):
                for value in found:
                    self.memory.spoil(value, plan)
            elif isinstance(plan, torch.Tensor):
                self.memory.write_labels(found[0], plan)
            else:
                symbol, place = plan
                self.memory.write(place(found[0]), symbol)
        except UnsupportedModelError as error:
            raise self.refuse(error) from None

    def _note_made(self, func: Any, out: Any, sources: set) -> None:
        fresh = func._opname == "lift_fresh"
        for value in _tensors(out):
            key = key_of(value)
            if key is not None and (fresh or key not in sources):
                self._made[key] = StorageWeakRef(value.untyped_storage())

    def _note_constants(self, func: Any, operation: str, written: list, out: Any) -> None:
        """Spoil constants that are random, or that outlive the run and are changed by it."""
        if torch.Tag.nondeterministic_seeded in func.tags:
            for value in _tensors(out):
                self.memory.spoil(value, self._random(operation))
            return
        for value in written:
            if key_of(value) not in self._made and operation not in TURNING:
                error = UnsupportedModelError(
                    f"{self.node(operation)} changes a tensor that the model keeps "
                    f"({operation!r}), so its function may differ from call to call"
                )
                self.memory.spoil(value, error)

    def weight_name(self, weight: torch.Tensor, node: str) -> str:
        """Return the name of a weight: of its module, of the tensor, or of the operation."""
        path, module = self.modules[-1] if self.modules else ("", None)
        known = [
            (owner, name)
            for owner, name, tensor in self._names.get(key_of(weight) or 0, [])
            if tensor.numel() == weight.numel()
        ]
        own = [name for owner, name in known if owner == path]
        if not own and isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            return path
        owner, name = (path, own[0]) if own else known[0] if known else ("", "")
        full = f"{owner}.{name}".strip(".")
        return full.removesuffix(".weight") or path or f"product{self._count}"


class Leaks(TorchFunctionMode):
    """Refuses a model that takes values of the input out of torch, where nothing follows them."""

    _DOORS = frozenset(
        "numpy __array__ tolist data_ptr untyped_storage storage __deepcopy__ __dlpack__ "
        "__reduce_ex__ __cuda_array_interface__".split()
    )

    def __init__(self, trace: Trace):
        super().__init__()
        self._trace = trace

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call one torch function."""
        name = getattr(func, "__name__", "")
        if name in self._DOORS and isinstance(args[0], torch.Tensor):
            if self._trace.memory.holds(args[0]):
                raise self._trace.refuse(self._trace._control_flow(name, []))
        return func(*args, **(kwargs or {}))
