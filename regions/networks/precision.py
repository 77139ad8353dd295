"""Runs a model in float64, whatever number types it names: the function that it is meant to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

_SHORT = (torch.float32, torch.float16, torch.bfloat16)
_EXACT = frozenset((torch.float32, torch.float64))


def changes_memory(func: Any) -> bool:
    """Tell whether an operation writes to one of its arguments."""
    return bool(func._schema.is_mutable)


def gives_views(func: Any) -> bool:
    """Tell whether an operation returns other views of its arguments' memory."""
    aliases = [value.alias_info for value in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _double(value: Any) -> Any:
    short = isinstance(value, torch.Tensor) and value.dtype in _SHORT
    return value.double() if short and value.layout is torch.strided else value


class Double(TorchDispatchMode):
    """Runs every operation in float64; casts to float32 and new float32 tensors included.

    Constants in float32 keep their values, which float64 holds exactly. `types` are the number
    types of the model's own parameters: casts to one of them, even to half precision, are no part
    of the function that it is meant to be. If not `active`, operations run as they are.
    """

    def __init__(self, types: frozenset[torch.dtype], active: bool):
        super().__init__()
        self.plain_types = _EXACT | types
        self._active = active

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or the first operation imports the compiler, which takes seconds

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation."""
        # torch functions called here are the package's own, not the model's
        with torch._C.DisableTorchFunction():
            return self.execute(func, args, dict(kwargs or {}))

    def execute(self, func: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run one operation."""
        raise NotImplementedError

    def widen(self, func: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Return the arguments in float64, but those that are written to or only viewed."""
        if not self._active:
            return args, kwargs
        if kwargs.get("dtype") in self.plain_types:
            kwargs = {**kwargs, "dtype": torch.float64}
        if gives_views(func):
            return args, kwargs
        written = {
            argument.name
            for argument in func._schema.arguments
            if argument.alias_info is not None and argument.alias_info.is_write
        }
        names = [argument.name for argument in func._schema.arguments]
        args = tuple(
            value if name in written else tree_map(_double, value)
            for name, value in zip(names, args, strict=False)
        )
        return args, {k: v if k in written else tree_map(_double, v) for k, v in kwargs.items()}

    def finish(self, func: Any, out: Any) -> Any:
        """Return what an operation gave, in float64."""
        if not self._active:
            return out
        if func._opname == "lift_fresh":  # a new tensor, or memory of NumPy that stays shared
            return self._meant(out) if out.untyped_storage().resizable() else out
        return out if gives_views(func) or changes_memory(func) else tree_map(self._meant, out)

    def _meant(self, value: Any) -> Any:
        """Return a value in float64, unless the model names a type that rounds it."""
        plain = isinstance(value, torch.Tensor) and value.dtype in self.plain_types
        return _double(value) if plain else value
