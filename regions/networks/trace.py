"""Follows the operations that a model's own run dispatches, and describes the network they make.

Below torch's functions, methods and modules every program is a sequence of ATen operations on
memory. The trace sees each of them while the model runs, with the real tensors, so it reads what
is computed, however it is written: in place, through views, by hooks, by other branches. Where
values of the input reach Python, later operations may depend on them, and the model is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._pytree import tree_map

from regions.errors import RegionsError, UnsupportedModelError
from regions.networks.builder import Builder
from regions.networks.final import Final, LeftOff
from regions.networks.memory import Arrangement, Memory, key_of
from regions.networks.moves import MOVING, TURNING, is_constant
from regions.networks.network import ReLUNetwork
from regions.networks.precision import Double, changes_memory, gives_views
from regions.networks.refusals import is_known, unsupported
from regions.networks.rules import RULES
from regions.networks.selecting import Comparisons

_READS = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
_CONSTANT = object()
_METADATA = ("is_same_size", "is_pinned", "is_set_to", "_has_compatible_shallow_copy_type")


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Return the tensors in arguments or results of an operation."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [tensor for item in value for tensor in tensors_in(item)]


def _written(func: Any, bound: Mapping[str, Any]) -> list[torch.Tensor]:
    aliases = {argument.name: argument.alias_info for argument in func._schema.arguments}
    written = [name for name, alias in aliases.items() if alias is not None and alias.is_write]
    return tensors_in([bound.get(name) for name in written])


class Trace(Double):
    """One run of a model on a batch, followed operation by operation.

    Parameters
    ----------
    names : mapping from storages to (path of the module, name of the tensor, tensor)
        Tensors that the model owns.
    protected : set of storages
        Tensors of the user's own model, which must not be written to.
    types : set of dtypes
        Number types that the model itself uses; casts to shorter ones round values.
    double : bool
        Whether the run is in float64, or in the model's own number type.
    known : ReLUNetwork
        What another run gave, to share its arrays.
    output : str, int or None
        Which of several outputs is meant; "logits" leaves a final softmax or sigmoid off.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        rows: int,
        names: Mapping[int, list[tuple[str, str, torch.Tensor]]],
        protected: frozenset[int],
        types: frozenset[torch.dtype],
        double: bool,
        known: ReLUNetwork | None = None,
        output: str | int | None = None,
    ):
        super().__init__(types, double)
        self.final = Final(output)
        self.builder = Builder(shape, known.parameters if known else None)
        self.memory = Memory(self.builder, rows)
        self._comparisons = Comparisons(self.memory)
        self.refusal: RegionsError | None = None
        self.compared = known is not None  # the values of this run are those that are compared
        self.preactivations: dict[str | None, np.ndarray] = {}  # of two samples, by step
        self.modules: list[tuple[str, nn.Module]] = []
        self._names, self._protected = names, protected
        self.written: dict[int, torch.Tensor] = {}  # that outlive the run, by storage
        self._made: dict[int, StorageWeakRef] = {}
        self._count = 0

    def begin(self, points: torch.Tensor) -> None:
        """Note that `points` are the input."""
        self.memory.write(points, self.builder.input)
        self._made[key_of(points) or 0] = StorageWeakRef(points.untyped_storage())

    def end(self, out: torch.Tensor) -> ReLUNetwork:
        """Return the network whose output is `out`."""
        if self.refusal is not None:  # even where the model caught the error
            raise self.refusal
        if (left := self.final.left_off(out, self.memory)) is not None:
            return replace(self.builder.finish(left.symbol), left_off=left.operation)
        if not self.memory.holds(out):
            raise UnsupportedModelError(
                "the output does not depend on the input, or not through operations that can be "
                "followed (in other threads or libraries they cannot); give a model that does"
            )
        symbol, place = self.memory.read(out)
        if place != Arrangement("axis", self.memory.rows):
            raise UnsupportedModelError(
                f"the output of shape {tuple(out.shape)} does not have samples on its first axis"
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
        if torch.is_inference_mode_enabled() and self._is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        parameters = func._schema.arguments
        bound = {p.name: p.default_value for p in parameters if p.has_default_value()}
        bound.update(zip((p.name for p in parameters), args, strict=False))
        bound.update(kwargs)
        written, sources = _written(func, bound), {key_of(value) for value in tensors_in(bound)}
        with self._never_caught(func):
            self._protect(func._opname, written)
            held = [value for value in tensors_in(bound) if self.memory.holds(value)]
            plan = self._plan(func, bound, held) if held else None
        args, kwargs = self.widen(func, args, kwargs)
        out = self.finish(func, func(*args, **kwargs))
        with self._never_caught(func):
            self._note_made(func, out, sources)
            if held:
                self._settle(func, plan, out, written, sources)
            else:
                self._note_constants(func, written, out)
        return out

    def _is_composite(self, func: Any) -> bool:
        """Tell whether an operation is made of others; only inference mode dispatches such."""
        return func._opname not in RULES and torch._C._dispatch_has_kernel_for_dispatch_key(
            func.name(), "CompositeImplicitAutograd"
        )

    @contextmanager
    def _never_caught(self, func: Any) -> Iterator[None]:
        """Refuse the model for any error within, also where the model catches it."""
        try:
            yield
        except RegionsError as error:
            raise self.refuse(self._named(error, func._opname)) from None
        except Exception as error:
            raise self.refuse(
                UnsupportedModelError(
                    f"{self.node(func._opname)} ({func}) cannot be followed "
                    f"({type(error).__name__}: {error}); please report this model"
                )
            ) from error

    def _protect(self, operation: str, written: list[torch.Tensor]) -> None:
        if any(key_of(value) in self._protected for value in written):
            raise UnsupportedModelError(
                f"{self.node(operation)} ({operation!r}) writes to a tensor of the model that was "
                "given, through a hook or a closure; remove it"
            )

    def _tells_values(self, func: Any, operation: str, held: list[torch.Tensor]) -> bool:
        """Tell whether the result is a number or has a shape that depends on the input."""
        if operation in MOVING and all(value.is_floating_point() for value in held):
            return False  # an index by constants
        return any(tag in func.tags for tag in _READS)

    def control_flow(self, operation: str, held: list[torch.Tensor]) -> RegionsError:
        """Return the error for values of the input that reach Python."""
        known = next((r for r in map(self.memory.reason, held) if r is not None), None)
        because = f" ({known})" if known is not None else ""
        return UnsupportedModelError(
            f"{self.node(operation)} reads values that depend on the input into Python "
            f"({operation!r}): control flow or hidden state may follow from them, so no one "
            "description holds for all inputs. Give a model without such control flow, and "
            f"without printing values{because}"
        )

    def _plan(self, func: Any, bound: dict[str, Any], held: list[torch.Tensor]) -> Any:
        """Return what the result is: symbol and place, labels, an error; None for views."""
        operation = func._opname
        if self._tells_values(func, operation, held):
            raise self.control_flow(operation, held)
        if operation in TURNING or gives_views(func):
            return None
        if func.namespace == "aten" and is_constant(operation, bound):
            return _CONSTANT
        try:
            return self._result(func, bound, held)
        except LeftOff as error:
            return error
        except RegionsError as error:
            return self._named(error, operation)

    def _named(self, error: RegionsError, operation: str) -> RegionsError:
        if str(error).startswith(("node", "layer")):
            return error
        return UnsupportedModelError(f"{self.node(operation)} ({operation!r}): {error}")

    def _result(self, func: Any, bound: dict[str, Any], held: list[torch.Tensor]) -> Any:
        operation = func._opname
        base = operation.rstrip("_") if changes_memory(func) else operation
        if func.namespace != "aten":  # whatever its name is
            raise unsupported(self.node(operation), func.name())
        if torch.Tag.nondeterministic_seeded in func.tags and not is_known(base):
            raise self._random(operation)
        if (chosen := self._comparisons.result(self, base, bound)) is not None:
            return chosen
        if base in MOVING:
            return self._moved(func, operation, bound)
        for reason in filter(None, map(self.memory.reason, held)):
            raise reason
        if self.final.is_left(base):
            raise self.final.leave(base, *self.memory.read(bound["self"]), bound["self"])
        if base not in RULES:
            raise unsupported(self.node(operation), operation)
        bound = {k: v for k, v in bound.items() if k != "out"}  # written like any result
        renamed = {"x" if k in ("self", "input") else k: v for k, v in bound.items()}
        return RULES[base](self, self.node(operation), **renamed)

    def _random(self, operation: str) -> RegionsError:
        return UnsupportedModelError(
            f"{self.node(operation)} draws at random even in eval mode ({operation!r}); use "
            "nn.Dropout, or pass training=self.training"
        )

    def _moved(self, func: Any, operation: str, bound: dict[str, Any]) -> torch.Tensor:
        """Return the labels of the result: the operation itself, run on labels."""
        rest = {k: v for k, v in bound.items() if k in ("accumulate", "reduce") and v}
        casts = bound.get("dtype")
        if operation == "_to_copy" and casts is not None and casts not in self.plain_types:
            raise self._rounds(operation, casts)
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

    def _settle(self, func: Any, plan: Any, out: Any, written: list, sources: set) -> None:
        """Note what the results of an operation on values of the input are."""
        operation, found = func._opname, tensors_in(out) or written
        if not found and operation not in _METADATA:
            raise self.control_flow(operation, [])
        foreign = self._foreign(operation, written)
        if any(not value.untyped_storage().resizable() for value in foreign):
            raise UnsupportedModelError(
                f"{self.node(operation)} ({operation!r}) writes values into memory that is shared "
                "with NumPy or another library, where nothing follows them; use torch tensors"
            )
        if plan is _CONSTANT:
            for value in written:
                self.memory.write_labels(value, torch.zeros(value.shape, dtype=torch.float64))
            return
        if plan is None:
            for value in found:
                if key_of(value) not in sources or value.is_neg() or value.is_conj():
                    self.memory.spoil(value, unsupported(self.node(operation), operation))
        elif isinstance(plan, RegionsError):
            for value in found:
                self.final.note(plan, value)
                self.memory.spoil(value, plan)
                self._comparisons.note(operation, plan, value)
        elif found[0].dtype not in self.plain_types:
            self._settle(func, self._rounds(operation, found[0].dtype), out, written, sources)
        elif isinstance(plan, torch.Tensor):
            self.memory.write_labels(found[0], plan)
        else:
            symbol, place = plan
            self.memory.write(place(found[0]), symbol)
            for value in found[1:]:  # such as the indices of maxima
                self.memory.spoil(value, unsupported(self.node(operation), operation))

    def _rounds(self, operation: str, dtype: torch.dtype) -> RegionsError:
        return UnsupportedModelError(
            f"{self.node(operation)} ({operation!r}) casts values to {dtype}, which rounds them; "
            "stay in float32 or float64"
        )

    def _note_made(self, func: Any, out: Any, sources: set) -> None:
        lifted = func._opname == "lift_fresh"
        for value in tensors_in(out):
            key = key_of(value)
            fresh = key not in sources or (lifted and value.untyped_storage().resizable())
            if key is not None and fresh:
                self._made[key] = StorageWeakRef(value.untyped_storage())

    def _note_constants(self, func: Any, written: list, out: Any) -> None:
        """Spoil constants that are random, or that outlive the run and are changed by it."""
        operation = func._opname
        if torch.Tag.nondeterministic_seeded in func.tags:
            for value in tensors_in(out):
                self.memory.spoil(value, self._random(operation))
            return
        for value in self._foreign(operation, written):
            error = UnsupportedModelError(
                f"{self.node(operation)} changes a tensor that the model keeps "
                f"({operation!r}), so its function may differ from call to call"
            )
            self.memory.spoil(value, error)

    def _foreign(self, operation: str, written: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the tensors written to that outlive the run, and note them."""
        if operation in TURNING:
            return []
        foreign = [value for value in written if key_of(value) not in self._made]
        self.written.update({key_of(value) or 0: value for value in foreign})
        return foreign

    def name_of(self, value: torch.Tensor) -> str:
        """Return how errors call a tensor that the model keeps."""
        known = self._names.get(key_of(value) or 0)
        return f"{known[0][0]}.{known[0][1]}".strip(".") if known else "a tensor"

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
        return full.removesuffix(".weight") or path or f"product{len(self.builder.steps)}"
