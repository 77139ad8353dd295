"""A copy of a user's module, on which everything is tried so that the module stays as it is."""

from __future__ import annotations

import copy
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from types import CellType, FunctionType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.overrides import TorchFunctionMode

from regions.errors import UnsupportedModelError
from regions.networks.memory import key_of
from regions.networks.state import Kept, changed_values, kept_values, restore
from regions.networks.trace import Trace

_RUNS = 50  # in one of which no other thread draws


class _Copying(TorchFunctionMode):
    """Lets `copy.deepcopy` copy tensors with a history, which torch refuses to do."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.__deepcopy__ and not args[0].is_leaf:
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = tensor.detach().clone()
            return memo[id(tensor)]
        return func(*args, **(kwargs or {}))


def make_twin(model: nn.Module) -> nn.Module:
    """Return a copy of `model` on the CPU, in eval mode."""
    empty = [n for n, p in model.named_parameters() if isinstance(p, UninitializedParameter)]
    if empty:
        raise UnsupportedModelError(
            f"the parameters {empty} have no values yet; call the model once before it is read"
        )
    memo: dict[int, Any] = {}
    try:
        with _Copying(), torch.no_grad():
            twin = copy.deepcopy(model, memo)
            twin.to("cpu")
    except Exception as error:
        raise UnsupportedModelError(
            f"{type(model).__name__} cannot be copied ({type(error).__name__}: {error}), and it is "
            "only run as a copy, so that it stays as it is; remove the attribute that cannot be"
        ) from error
    shared = [path for path, module in twin.named_modules() if module in {*model.modules()}]
    if shared:
        raise UnsupportedModelError(
            f"the modules {shared} of {type(model).__name__} give themselves where copies are "
            "made; only copies are run, so that the model stays as it is: remove __deepcopy__"
        )
    for module in twin.modules():
        tables: tuple[Any, ...] = (
            vars(module),
            module._forward_hooks,
            module._forward_pre_hooks,
        )
        for table in tables:
            for name, value in table.items():
                if isinstance(value, FunctionType):
                    table[name] = _copy_function(value, memo)
    twin.eval()  # users' own `eval` and `to` need not return the module
    return twin


def uncompiled(model: nn.Module) -> nn.Module:
    """Return the module that `torch.compile` wrapped, unless the wrapper has hooks of its own."""
    wraps = type(model).__module__.startswith("torch._dynamo")
    if not wraps or model._forward_hooks or model._forward_pre_hooks:
        return model
    return model._modules["_orig_mod"] or model


def eager() -> Any:
    """Return a context in which compiled functions and modules run as they are written."""
    if "torch._dynamo" not in sys.modules or not hasattr(torch.compiler, "set_stance"):
        return nullcontext()  # nothing is compiled; torch before 2.6
    return torch.compiler.set_stance("force_eager")


@contextmanager
def left_alone(model: nn.Module, before: dict[str, Kept]) -> Iterator[None]:
    """Change back what a run of the copy changes in the user's model, from what it kept before.

    They share classes, global variables, and what functions in containers refer to.
    """
    try:
        yield
    finally:
        restore(before, changed_values(before, kept_values(model)))


def protected_storages(model: nn.Module, kept: dict[str, Kept]) -> frozenset[int]:
    """Return the storages of all tensors that the user's model has or refers to."""
    values = (value.value for value in kept.values())
    keys = [key_of(value) for value in values if isinstance(value, torch.Tensor)]
    return frozenset(own_tensors(model)) | {key for key in keys if key is not None}


def _copy_function(function: FunctionType, memo: dict[int, Any]) -> FunctionType:
    """Return a function whose closure holds copies of what was copied, and its own variables."""
    closure, defaults = function.__closure__ or (), function.__defaults__ or ()
    if id(function) in memo or not (closure or defaults):
        return memo.get(id(function), function)
    cells = [memo.setdefault(id(cell), CellType()) for cell in closure]
    copied = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        tuple(memo.get(id(value), value) for value in defaults) or None,
        tuple(cells) or None,
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    copied.__dict__.update(function.__dict__)
    memo[id(function)] = copied
    for old, new in zip(closure, cells, strict=True):
        with suppress(ValueError):  # an empty cell
            value = old.cell_contents
            if isinstance(value, FunctionType):
                value = _copy_function(value, memo)
            new.cell_contents = memo.get(id(value), value)
    return copied


def own_tensors(twin: nn.Module) -> dict[int, list[tuple[str, str, torch.Tensor]]]:
    """Return by storage: path of the module, name and value of each tensor that it owns."""
    names: dict[int, list[tuple[str, str, torch.Tensor]]] = {}
    for path, module in twin.named_modules():
        for table in (module._parameters, module._buffers, vars(module)):
            for name, value in table.items():
                if isinstance(value, torch.Tensor) and (key := key_of(value)) is not None:
                    names.setdefault(key, []).append((path, name, value))
    return names


def number_types(model: nn.Module) -> frozenset[torch.dtype]:
    """Return the floating types of the parameters and buffers of `model`."""
    values = [*model.parameters(), *model.buffers()]
    return frozenset(value.dtype for value in values if value.is_floating_point())


@contextmanager
def followed_modules(twin: nn.Module, trace: Trace) -> Iterator[None]:
    """Tell `trace` at every moment which module runs."""
    handles = []
    for path, module in twin.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue

        def enter(_: nn.Module, __: Any, place: tuple[str, nn.Module] = (path, module)) -> None:
            trace.modules.append(place)

        def leave(_: nn.Module, __: Any, ___: Any) -> None:
            trace.modules.pop()

        handles.append(module.register_forward_pre_hook(enter, prepend=True))
        handles.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def still_generators(run: Callable[[], Any]) -> Iterator[None]:
    """Refuse a model that draws from Python's or NumPy's global generator, and set that back.

    Draws from torch's are seen as operations, and its generators are restored. Other threads may
    draw while the model is read (those of a dask worker do, twice a second): a model draws in every
    `run`, however short.
    """
    before = _generators()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        drawn = _drawn(before)
        for _ in range(_RUNS if threading.active_count() > 1 else 0):
            if drawn:
                own = _generators()
                with torch.random.fork_rng(devices=[]):
                    run()
                drawn = [name for name in _drawn(own) if name in drawn]
        if drawn:  # also the cause of other errors
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            raise UnsupportedModelError(
                f"the model draws from {' and '.join(drawn)} in its forward pass, even in eval "
                "mode, so it has no fixed function; remove that"
            )


def _generators() -> tuple[Any, Any]:
    return random.getstate(), np.random.get_state()  # noqa: NPY002


def _drawn(before: tuple[Any, Any]) -> list[str]:
    """Return which global generators were drawn from since then."""
    (python, numpy), (now, other) = before, _generators()
    same = other[2] == numpy[2] and np.array_equal(other[1], numpy[1])
    changed = {"random": now != python, "numpy.random": not same}
    return [name for name, differs in changed.items() if differs]
