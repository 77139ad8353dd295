"""A float64 copy of a user's module, on which everything is tried so that the module is not."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from regions.errors import ConversionError, UnsupportedModelError
from regions.networks.memory import key_of
from regions.networks.trace import Trace


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
    """Return a float64 copy of `model` on the CPU, in eval mode."""
    try:
        with _Copying():
            twin = copy.deepcopy(model)
    except Exception as error:
        raise UnsupportedModelError(
            f"{type(model).__name__} cannot be copied ({type(error).__name__}: {error}), and it is "
            "only run as a copy, so that it stays as it is; remove the attribute that cannot be"
        ) from error
    return twin.to("cpu", torch.float64).eval()


def own_tensors(twin: nn.Module) -> dict[int, list[tuple[str, str, torch.Tensor]]]:
    """Return by storage: path of the module, name and value of each tensor that it owns."""
    names: dict[int, list[tuple[str, str, torch.Tensor]]] = {}
    for path, module in twin.named_modules():
        for table in (module._parameters, module._buffers, vars(module)):
            for name, value in table.items():
                if isinstance(value, torch.Tensor) and (key := key_of(value)) is not None:
                    names.setdefault(key, []).append((path, name, value))
    return names


def storages(model: nn.Module) -> frozenset[int]:
    """Return the storages of the parameters and buffers of `model`."""
    keys = (key_of(value) for value in [*model.parameters(), *model.buffers()])
    return frozenset(key for key in keys if key is not None)


def short_types(model: nn.Module) -> frozenset[torch.dtype]:
    """Return the number types of the parameters and buffers of `model`."""
    return frozenset(value.dtype for value in [*model.parameters(), *model.buffers()])


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
def without_silent_hooks(twin: nn.Module, trace: Trace) -> Iterator[None]:
    """Remove, at the end, the forward hooks that only looked: they are then called once only."""
    silent: dict[tuple[int, int], bool] = {}
    hooks = [(m, key) for m in twin.modules() for key in m._forward_hooks]
    originals = {(id(m), key): m._forward_hooks[key] for m, key in hooks}

    def watched(place: tuple[int, int]) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            writes = trace.writes
            result = originals[place](*args, **kwargs)
            silent[place] = silent.get(place, True) and result is None and writes == trace.writes
            return result

        return call

    for module, key in hooks:
        module._forward_hooks[key] = watched((id(module), key))
    try:
        yield
    finally:
        for module, key in hooks:
            if silent.get((id(module), key)):
                del module._forward_hooks[key]
            else:
                module._forward_hooks[key] = originals[id(module), key]


@contextmanager
def still_generators() -> Iterator[None]:
    """Restore all global random generators, and refuse a model that drew from Python's or NumPy's.

    Draws from torch's are seen as operations.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        yield
    drawn = [name for name, used in _drawn(python, numpy).items() if used]
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002
    if drawn:
        raise UnsupportedModelError(
            f"the model draws from {' and '.join(drawn)} in its forward pass, even in eval mode, "
            "so it has no fixed function; remove that"
        )


def _drawn(python: Any, numpy: Any) -> dict[str, bool]:
    now = np.random.get_state()  # noqa: NPY002
    same = now[2] == numpy[2] and np.array_equal(now[1], numpy[1])
    return {"random": random.getstate() != python, "numpy.random": not same}


def settings(twin: nn.Module) -> dict[str, Any]:
    """Return the plain attributes of all modules: numbers, texts and None."""
    plain = (bool, int, float, str, type(None))
    return {
        f"{path}.{name}".lstrip("."): value
        for path, module in twin.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, plain)
    }


def check_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise ConversionError if a forward pass changed a plain attribute, such as a counter."""
    changed = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
    if changed:
        raise ConversionError(
            f"the forward pass changes the attribute(s) {changed} of the model, so its function "
            "may differ from call to call; give a model that keeps no state"
        )
