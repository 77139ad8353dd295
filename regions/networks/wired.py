"""Follows a run by what depends on what: also what is not piecewise linear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from regions.errors import RegionsError, UnsupportedModelError
from regions.networks.builder import Symbol
from regions.networks.final import LeftOff
from regions.networks.memory import Arrangement
from regions.networks.operations import operands
from regions.networks.precision import changes_memory
from regions.networks.trace import Trace

_POINTWISE = frozenset(
    "masked_fill hardswish mish celu selu elu softplus log_sigmoid_forward".split()
)
_REDUCTIONS = frozenset(
    "var std prod logsumexp linalg_vector_norm norm mean sum amax amin argmax argmin".split()
)


@dataclass(frozen=True)
class Whole:
    """The plan for results that depend on all that an operation was given."""

    symbols: tuple[Symbol, ...]
    error: RegionsError


class WiredTrace(Trace):
    """A run of which what is not piecewise linear is followed, too: by what depends on what."""

    def _result(self, func: Any, bound: dict[str, Any], held: list[torch.Tensor]) -> Any:
        try:
            return super()._result(func, bound, held)
        except LeftOff:
            raise
        except RegionsError as error:
            drawn = torch.Tag.nondeterministic_seeded in func.tags
            unknown = func.namespace != "aten" or (drawn and bound.get("dropout_p") != 0.0)
            if unknown or any(self.memory.reason(value) is not None for value in held):
                raise
            try:
                return self._dependence(func, bound, held)
            except RegionsError:
                symbols = tuple(self._symbol(value, error) for value in held)
                return Whole(symbols, error)

    def _symbol(self, value: torch.Tensor, error: RegionsError) -> Symbol:
        try:
            return self.memory.read(value)[0]
        except RegionsError:
            raise error from None

    def _dependence(self, func: Any, bound: dict[str, Any], held: list[torch.Tensor]) -> Any:
        """Return the symbol of a result of which it is known what its places depend on."""
        base = func._opname.rstrip("_") if changes_memory(func) else func._opname
        read, builder = self.memory.read, self.builder
        first = cast(Any, bound.get("self", bound.get("input")))
        if base == "_to_copy":
            return read(first)
        if torch.Tag.pointwise in func.tags or base in _POINTWISE:
            tensors = [value for value in bound.values() if isinstance(value, torch.Tensor)]
            found, place = operands(self, *tensors)
            symbols = [value for value in found if isinstance(value, Symbol)]
            return builder.mix(symbols, symbols[0].shape, "each"), place
        if base in ("mm", "bmm", "baddbmm") and len(held) == 2:
            (one, place), (two, other) = map(read, held)
            if place == other:
                shape = (*one.shape[:-1], two.shape[-1])
                return builder.mix([one, two], shape, "product"), place
        if base in ("_softmax", "_log_softmax"):
            symbol, place = read(first)
            axes = _axes_of_samples(symbol, place, first.ndim, [bound["dim"]])
            return builder.mix([symbol], symbol.shape, "axes", axes), place
        if base == "glu":
            symbol, place = read(first)
            axis = bound["dim"] % first.ndim - 1
            if place.kind == "axis" and place.axis == 0 and axis >= 0:
                places = np.arange(symbol.size).reshape(symbol.shape)
                halves = np.split(places, 2, axis)
                parts = [builder.place(symbol, half.ravel(), half.shape) for half in halves]
                return builder.mix(parts, parts[0].shape, "each"), place
        if base == "native_layer_norm":
            symbol, place = read(first)
            axes = range(len(symbol.shape) - len(bound["normalized_shape"]), len(symbol.shape))
            return builder.mix([symbol], symbol.shape, "axes", tuple(axes)), place
        if base in _REDUCTIONS and len(held) == 1:
            dim = bound.get("dim")
            symbol, place = read(first)
            dims = [dim] if isinstance(dim, int) else dim or range(first.ndim)
            axes = _axes_of_samples(symbol, place, first.ndim, dims)
            mixed = builder.mix([symbol], symbol.shape, "axes", axes)
            taken = np.arange(symbol.size).reshape(symbol.shape)
            for axis in axes:
                taken = taken.take([0], axis)
            taken = taken if bound.get("keepdim") else taken.squeeze(axes)
            return builder.place(mixed, taken.ravel(), taken.shape), place
        raise UnsupportedModelError(f"{base!r} is not known by what depends on what")

    def _settle(self, func: Any, plan: Any, out: Any, written: list, sources: set) -> None:
        found = [value for value in (out if isinstance(out, (tuple, list)) else [out])]
        found = [value for value in found if isinstance(value, torch.Tensor)] or written
        if isinstance(plan, Whole):
            for value in found:
                if value.ndim and len(value) == self.memory.rows:
                    symbol = self.builder.mix(list(plan.symbols), tuple(value.shape[1:]), "all")
                    self.memory.write(value, symbol)
                else:
                    self.memory.spoil(value, plan.error)
        elif isinstance(plan, tuple) and isinstance(plan[0], Symbol) and found:
            symbol, place = plan
            self.memory.write(place(found[0]), symbol)
            for value in found[1:]:
                self.memory.spoil(value, UnsupportedModelError("its other results are used"))
        else:
            super()._settle(func, plan, out, written, sources)


def _axes_of_samples(
    symbol: Symbol, place: Arrangement, ndim: int, dims: Iterable[int]
) -> tuple[int, ...]:
    """Return the axes of one sample that some axes of a tensor are."""
    axes = [dim % ndim for dim in dims]
    if 0 in axes or (place.kind == "axis" and place.axis):
        raise UnsupportedModelError(f"axes {axes} of {ndim} hold samples of the batch")
    return tuple(len(symbol.shape) - ndim + axis for axis in axes)


@contextmanager
def attention_in_steps() -> Iterator[None]:
    """Let attention run as single operations, not as one that reads weights out of sight."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)
