"""Which output of a model is meant, and a final softmax or sigmoid that is left off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks.builder import Symbol
from regions.networks.memory import Memory

LOGITS = "logits"
_FINAL = {
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "log_sigmoid_forward": "logsigmoid",
}


class LeftOff(UnsupportedModelError):
    """A final operation is followed by others, so it cannot be left off."""


@dataclass
class Left:
    """The logits that a final operation was given, and where its result is."""

    operation: str
    symbol: Symbol
    values: np.ndarray
    error: LeftOff
    result: torch.Tensor | None = None
    strides: tuple[int, ...] = ()
    followed: bool = False


class Final:
    """What `output=` means for one run."""

    def __init__(self, output: str | int | None):
        self._output = output
        self._left: list[Left] = []

    def is_left(self, operation: str) -> bool:
        """Tell whether an operation is left off if it is the last."""
        return self._output == LOGITS and operation in _FINAL

    def leave(self, operation: str, symbol: Symbol, place: Any, x: torch.Tensor) -> LeftOff:
        """Note what an operation that may be the last is given; return why nothing may follow."""
        name = _FINAL[operation]
        error = LeftOff(
            f"values after {name} are used, so it is not the last operation, and it is not "
            'piecewise linear; output="logits" leaves off the last one alone'
        )
        values = place(x.detach()).to(torch.float64, copy=True).numpy()
        self._left.append(Left(name, symbol, values, error))
        return error

    def note(self, error: Exception, result: torch.Tensor) -> None:
        """Note where the result of an operation that may be the last is, or that others follow."""
        for left in self._left:
            if left.error is error:
                left.followed = left.result is not None
                left.result, left.strides = result, result.stride()

    def chosen(self, out: Any) -> Any:
        """Return the output that is meant.

        Raises
        ------
        ArgumentError
            If there is none of that name or number.
        UnsupportedModelError
            If there are several and none is named.
        """
        if isinstance(out, torch.Tensor):
            if self._output in (None, LOGITS):
                return out
            raise ArgumentError(
                f"output is {self._output!r}, but the model returns one tensor; leave it out"
            )
        known = out if isinstance(out, Mapping) else vars(out) if hasattr(out, "__dict__") else {}
        names = list(known) or (list(range(len(out))) if isinstance(out, (list, tuple)) else [])
        given = names[0] if self._output in (None, LOGITS) and len(names) == 1 else self._output
        if given in names:
            value = cast(Any, known or out)[given]
            if isinstance(value, torch.Tensor):
                return value
        if self._output is None:
            raise UnsupportedModelError(
                f"the model returns a {type(out).__name__} of {names}; name one with output=, or "
                "wrap it so that it returns one tensor"
            )
        raise ArgumentError(f"output is {self._output!r}, but the model returns {names}")

    def left_off(self, out: torch.Tensor, memory: Memory) -> Left | None:
        """Return what was left off at the end, if `out` is the very result of it, unchanged."""
        for left in self._left:
            if left.result is out and not left.followed and left.strides == out.stride():
                labels = memory.labels(out)
                if memory.reason(out) is left.error and bool((labels == labels.min()).all()):
                    return left
        return None
