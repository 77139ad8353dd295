"""What a number depends on beside its settings: the code that computes it, and files it reads."""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

import regions


@functools.lru_cache(maxsize=1)
def package_code() -> str:
    """Return the version of this package and a hash of its source as it was at the first call.

    What is loaded stays what it was, however long a worker lives.
    """
    return f"{regions.__version__} {_tree_hash(Path(regions.__file__).parent)}"


@functools.lru_cache
def module_code(name: str) -> str:
    """Return a hash of the file a module stands in, or of the whole package the file belongs to.

    As `package_code`, that is what it was at the first call.
    """
    file = getattr(import_module(name), "__file__", None)
    return _file_code(Path(file)) if file else ""


def module_of(function: Callable) -> str:
    """Return the name of the module in which a function stands, or one inside `partial`.

    >>> module_of(functools.partial(module_of, max))
    'regions.identity'
    """
    return (
        module_of(function.func) if isinstance(function, functools.partial) else function.__module__
    )


def code_of(function: Callable) -> str:
    """Return a hash of the name of a function and of the source it stands in.

    The source is its file, or the whole package that the file belongs to; of a function that was
    typed in, its own instructions. `functools.partial` counts by its function and those of its
    arguments that are plain values.
    """
    if isinstance(function, functools.partial):
        plain = [*map(_plain, function.args), *sorted(map(_plain, function.keywords.items()))]
        return _hash(code_of(function.func), *plain)
    part: Any = function if hasattr(function, "__code__") else type(function)
    return _hash(part.__qualname__, _source(part))


def content_of(settings: Any, known: dict[str, str]) -> dict[str, str]:
    """Return the hash of every file, and of every folder's files, that a value of `settings` names.

    `settings` are strings, paths, and mappings and sequences of them; other values name no file.
    Hashes are taken from `known` and added to it.
    """
    if isinstance(settings, Mapping):
        settings = list(settings.values())
    if isinstance(settings, (list, tuple)):
        parts = [content_of(part, known) for part in settings]
        return {name: digest for part in parts for name, digest in part.items()}
    if not isinstance(settings, (str, os.PathLike)) or not str(settings):
        return {}
    name = str(settings)
    if name not in known:
        known[name] = _path_hash(Path(settings))
    return {name: known[name]} if known[name] else {}


def _path_hash(path: Path) -> str:
    """Return the hash of a file or of the files in a folder, and no text for anything else."""
    try:
        if path.is_file():
            return _file_hash(path)
        if path.is_dir():
            files = sorted(part for part in path.iterdir() if part.is_file())
            return _hash(*(f"{file.name} {_file_hash(file)}" for file in files))
    except (OSError, ValueError):  # a text that can be no path, or that may not be read
        return ""
    return ""


def _source(part: Any) -> str:
    try:
        file = Path(inspect.getsourcefile(part) or "")
    except TypeError:
        file = Path()
    if not file.is_file():
        return repr(_instructions(part.__code__)) if hasattr(part, "__code__") else ""
    return _file_code(file)


def _file_code(file: Path) -> str:
    top = file
    while (top.parent / "__init__.py").is_file():
        top = top.parent
    return _tree_hash(top) if top.is_dir() else _file_hash(top)


def _instructions(code: CodeType) -> tuple:
    constants = [_instructions(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return code.co_code, code.co_names, constants


def _tree_hash(folder: Path) -> str:
    files = sorted(folder.rglob("*.py"))
    return _hash(*(f"{file.relative_to(folder).as_posix()} {_file_hash(file)}" for file in files))


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _plain(value: Any) -> str:
    """Return a text for numbers, texts and collections of them, and one for all other objects."""
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_plain, value))})"
    if isinstance(value, Mapping):
        return _plain(sorted((str(key), part) for key, part in value.items()))
    known = value is None or isinstance(value, (bool, int, float, str, os.PathLike))
    return f"{value!r} {content_of(value, {})}" if known else "object"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
