"""Numbers that a model keeps from call to call: counters must have no say in what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Any

from torch import nn

_PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Kept:
    """A plain value that a module keeps: where it is, and what it was when it was looked at."""

    name: str
    container: Any  # a dict, a list or a closure's cell
    key: Any
    value: Any

    def replace(self, value: Any) -> None:
        """Put another value in its place."""
        if isinstance(self.container, CellType):
            self.container.cell_contents = value
        else:
            self.container[self.key] = value


def kept_values(twin: nn.Module) -> dict[str, Kept]:
    """Return all numbers, texts and None in attributes, in dicts and lists of theirs, in closures.

    Sizes of containers do not count.
    """
    found = {}
    for path, module in twin.named_modules():
        for kept in _inside(path, vars(module), set()):
            found[kept.name] = kept
    return found


def _inside(path: str, container: Any, seen: set[int]) -> Iterator[Kept]:
    if id(container) in seen:
        return
    seen.add(id(container))
    for key, value in list(_items(container)):
        name = f"{path}.{key}".lstrip(".")
        if isinstance(value, _PLAIN):
            yield Kept(name, container, key, value)
        elif isinstance(value, (dict, list)) and not isinstance(container, CellType):
            yield from _inside(name, value, seen)
        elif isinstance(value, FunctionType):
            cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            for variable, cell in cells:
                yield from _inside(f"{name}.{variable}", cell, seen)


def _items(container: Any) -> Any:
    if isinstance(container, dict):
        return container.items()
    if isinstance(container, list):
        return enumerate(container)
    try:
        return [("", container.cell_contents)]
    except ValueError:  # an empty cell
        return []


def changed_values(before: dict[str, Kept], after: dict[str, Kept]) -> list[Kept]:
    """Return the values that were there before and have changed."""
    both = [kept for name, kept in after.items() if name in before]
    return [
        kept
        for kept in both
        if type(kept.value) is not type(before[kept.name].value)
        or kept.value != before[kept.name].value
    ]


class Counter:
    """Stands for a number that a model counts up; all but adding to it and printing it fail."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, read: list[str]):
        self._value, self._read = value, read

    def __add__(self, other: Any) -> Any:
        return Counter(self._value + other, self._read)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return Counter(self._value - other, self._read)

    def __str__(self) -> str:
        return str(self._value)

    def __bool__(self) -> bool:
        return self._fail()

    def __eq__(self, other: object) -> bool:
        return self._fail()

    def __lt__(self, other: object) -> bool:
        return self._fail()

    __gt__ = __le__ = __ge__ = __lt__

    def _fail(self) -> bool:
        self._read.append("compared")  # a model may catch the error
        raise TypeError("a number that counts calls is compared")
