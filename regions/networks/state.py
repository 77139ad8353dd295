"""What a model keeps from call to call: counters must have no say in what it computes."""

from __future__ import annotations

import functools
import itertools
import pickle
import random
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

_PLAIN = (bool, int, float, str, type(None))
_LEAVES = (torch.Tensor, *_PLAIN)
_CONTAINERS = (list, dict, set, deque)
_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState, itertools.count)
_FOLLOWED = (
    *(*_CONTAINERS, tuple, nn.Module),
    *(CellType, FunctionType, MethodType, functools.partial, weakref.ref),
)
_FOREIGN = sys.stdlib_module_names | {"torch", "numpy"}
_Item = tuple[Any, Any, Callable[[Any], None] | None]


class Kept(NamedTuple):
    """Something that a model keeps: how to replace it, and what it was when it was looked at."""

    name: str
    value: Any
    replace: Callable[[Any], None] | None  # None: it cannot be
    content: Any = ()  # of a container

    def differs(self, other: Kept) -> bool:
        """Tell whether the value has changed."""
        if isinstance(self.value, (torch.Tensor, *_CONTAINERS)):
            return self.value is not other.value or len(self.content) != len(other.content)
        if self.value is other.value:  # NaN is not equal to itself
            return False
        return type(self.value) is not type(other.value) or self.value != other.value


def kept_values(model: nn.Module) -> dict[str, Kept]:
    """Return what can change from call to call, by name.

    These are numbers, texts, None, tensors, sizes of containers and states of generators: in
    attributes of modules, of their classes and of objects of the user's own classes, in containers,
    in closures, and in global variables, objects and modules of the user's own that functions
    name. What lies elsewhere (files, clocks, other libraries) is not seen.
    """
    found: dict[str, Kept] = {}
    seen: set[int] = set()
    for path, module in model.named_modules():
        for kept in _inside(path, module, seen):
            found.setdefault(kept.name, kept)
    return found


def changed_values(before: dict[str, Kept], after: dict[str, Kept]) -> list[Kept]:
    """Return what was there before and has changed, as it is now."""
    return [kept for name, kept in after.items() if name in before and kept.differs(before[name])]


def restore(before: dict[str, Kept], changed: list[Kept]) -> None:
    """Put back what was there before."""
    for old in (before[kept.name] for kept in changed):
        if isinstance(old.value, _CONTAINERS):
            old.value.clear()
            if isinstance(old.value, (list, deque)):
                old.value.extend(old.content)
            else:
                old.value.update(old.content)
        if old.replace is not None and not isinstance(old.value, bytes):
            old.replace(old.value)


def _is_own(kind: type) -> bool:
    """Tell whether a class is the user's own."""
    return _root(kind.__module__) not in _FOREIGN


def _root(module: str | None) -> str:
    return (module or "").split(".")[0]


def _inside(path: str, owner: Any, seen: set[int]) -> Iterator[Kept]:
    waiting = [(path, owner)]
    while waiting:
        path, owner = waiting.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        for key, value, replace in _items(owner):
            name = f"{path}.{key}".strip(".")
            if isinstance(value, _LEAVES):
                yield Kept(name, value, replace)
            elif isinstance(value, _GENERATORS):
                counts = isinstance(value, itertools.count)
                state = repr(value).encode() if counts else pickle.dumps(value)
                yield Kept(name, state, replace)
            elif _is_followed(value):
                if isinstance(value, _CONTAINERS):
                    yield Kept(name, value, replace, value.copy() if value else ())
                    if not value:
                        continue
                waiting.append((name, value))


def _is_followed(value: Any) -> bool:
    if isinstance(value, type):
        return False
    return isinstance(value, _FOLLOWED) or (hasattr(value, "__dict__") and _is_own(type(value)))


def _items(owner: Any) -> Iterator[_Item]:
    """Yield name, value, and how to replace it, of all that an object holds."""
    if isinstance(owner, CellType):
        try:
            yield "", owner.cell_contents, functools.partial(setattr, owner, "cell_contents")
        except ValueError:  # an empty cell
            return
    elif isinstance(owner, dict):
        for key, value in list(owner.items()):
            yield key, value, functools.partial(owner.__setitem__, key)
    elif isinstance(owner, (list, tuple, deque)):
        for key, value in list(enumerate(owner)):
            change = getattr(owner, "__setitem__", None)
            yield key, value, change and functools.partial(change, key)
    elif isinstance(owner, functools.partial):
        for key, value in enumerate((owner.func, owner.args, owner.keywords)):
            yield key, value, None
    elif isinstance(owner, MethodType):
        yield "self", owner.__self__, None
        yield "function", owner.__func__, None
    elif isinstance(owner, weakref.ref):
        yield "", owner(), None
    elif isinstance(owner, FunctionType):
        yield from _of_function(owner)
    elif not isinstance(owner, set):
        yield from _of_object(owner)


def _of_function(function: FunctionType) -> Iterator[_Item]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        yield name, cell, None
    names, variables = function.__code__.co_names, function.__globals__
    for name in names:
        value = variables.get(name, function)
        if isinstance(value, (*_PLAIN, *_CONTAINERS)):
            yield name, value, functools.partial(variables.__setitem__, name)
        elif isinstance(value, ModuleType):
            yield from _of_module(name, value, names)
        elif value is not function and _is_beside(value, function):
            yield name, value, None


def _of_module(name: str, module: ModuleType, names: tuple[str, ...]) -> Iterator[_Item]:
    """Yield those variables of a user's own module that a function names."""
    if _root(module.__name__) in _FOREIGN:
        return
    for key in names:
        value = vars(module).get(key, module)
        if isinstance(value, (*_PLAIN, *_CONTAINERS)):
            yield f"{name}.{key}", value, functools.partial(setattr, module, key)


def _is_beside(value: Any, function: FunctionType) -> bool:
    """Tell whether a function or an object is of the user's own code around a function."""
    home = value if isinstance(value, FunctionType) else type(value)
    root = _root(function.__module__)
    return _root(getattr(home, "__module__", "")) == root and root not in _FOREIGN


def _of_object(owner: Any) -> Iterator[_Item]:
    for key, value in list(vars(owner).items()):
        if key == "_modules" and isinstance(owner, nn.Module):
            continue  # they have names of their own
        yield key, value, functools.partial(vars(owner).__setitem__, key)
    if isinstance(owner, torch.jit.ScriptModule):
        scripted = getattr(owner, "_concrete_type", None)  # frozen ones have none, and no state
        for key in scripted.get_attributes() if scripted is not None else ():
            yield key, getattr(owner, key), None
    for kind in type(owner).__mro__:
        for key, value in list(vars(kind).items()) if _is_own(kind) else ():
            if isinstance(value, (FunctionType, *_PLAIN, *_CONTAINERS)) and key[:2] != "__":
                yield f"{kind.__name__}.{key}", value, functools.partial(setattr, kind, key)


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


class _Watched:
    """A container that grows with each call; its size and its older items must not be read."""

    def __init__(self, values: Any, read: list[str]):
        super().__init__(values)  # type: ignore[call-arg]
        self._read = read

    def _fail(self, *_: Any) -> Any:
        self._read.append("counted")  # a model may catch the error
        raise TypeError("a container that grows with each call is looked through")

    __len__ = __iter__ = __reversed__ = __eq__ = __lt__ = __gt__ = __le__ = __ge__ = _fail
    __or__ = __and__ = __sub__ = __xor__ = __add__ = __mul__ = copy = count = index = _fail
    keys = values = items = sort = reverse = union = difference = popitem = _fail


class _WatchedSequence(_Watched):
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, int) and place < 0:
            return super().__getitem__(place)  # type: ignore[misc]
        return self._fail()

    __contains__ = _Watched._fail


class _GrowingList(_WatchedSequence, list):
    pass


class _GrowingDeque(_WatchedSequence, deque):
    pass


class _GrowingDict(_Watched, dict):
    pass


class _GrowingSet(_Watched, set):
    pass


_GROWING = {list: _GrowingList, deque: _GrowingDeque, dict: _GrowingDict, set: _GrowingSet}


def stand_in(kept: Kept, read: list[str]) -> bool:
    """Replace a number by a counter, a container by one that notes reading; tell if it could be."""
    if kept.replace is None:
        return False
    if type(kept.value) in _GROWING:
        kept.replace(_GROWING[type(kept.value)](kept.value, read))
    elif isinstance(kept.value, (int, float, str)) and not isinstance(kept.value, bool):
        kept.replace(Counter(kept.value, read))
    else:  # `is` cannot be watched, nor what generators are asked
        return False
    return True
