"""Compiled functions, and where they are kept between runs.

Numba keeps a compiled function until the file that defines it changes. But a kernel is compiled
together with the kernels that it calls, which lie in other files: here what is kept is valid for
one state of all kernel sources. And where the package's folder cannot be written, it is kept in
the user's own cache, or in a private temporary folder, or not at all.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numba
from numba.core import caching, config, types

_PACKAGE = Path(__file__).parent
_MARK = "from regions.kernels import"
FAST: Mapping[str, Any] = MappingProxyType(
    {"fastmath": {"reassoc", "nsz", "contract"}, "error_model": "numpy"}
)
"""Options of kernels that take sums in any order: bounds of what is rounded hold for each."""


def kernel(*, makes_arrays: bool = False, **options: Any) -> Callable[[Callable], Any]:
    """Return a decorator that compiles a function by `numba.njit` and keeps the result.

    Parameters
    ----------
    makes_arrays : bool
        Whether the function makes arrays, or returns any. Others keep no count of who refers to
        an array, which takes an eighth of the time where they call each other for every cell.
    **options
        Those of `numba.njit`, such as ``nogil=True``; not ``cache``.
    """

    def compiled(function: Callable) -> Any:
        dispatcher = cast(Any, numba).njit(_nrt=makes_arrays, **options)(function)
        if not cast(Any, config).DISABLE_JIT and _folder() is not None:
            # what njit(cache=True) does, with its own cache
            dispatcher._cache = _Kept(function) if makes_arrays else _KeptUncounted(function)
        return dispatcher

    return compiled


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return a hash of the sources of all kernels.

    Examples
    --------
    >>> len(fingerprint())
    64
    """
    found = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        text = path.read_bytes()
        if path.name.endswith("_kernel.py") or _MARK.encode() in text:
            found.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + text)
    return found.hexdigest()


@lru_cache(maxsize=1)
def _folder() -> Path | None:
    """Return the first folder that can be written: the package's, the user's, a temporary one."""
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        # compiled code is run: it must not come from a folder that others can write
        if os.name != "posix" or folder.stat().st_uid == os.getuid():
            return folder
    return None


def _folders() -> Iterator[Path]:
    yield _PACKAGE / "__pycache__" / "kernels"
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield home / "relu-regions" / "kernels"
    except RuntimeError:  # there is no home
        pass
    user = os.getuid() if os.name == "posix" else "kernels"
    yield Path(tempfile.gettempdir()) / f"relu-regions-{user}"


class _Locator(caching._CacheLocator):
    """Says where one function's compiled forms are, and for which sources they are valid."""

    def __init__(self, function: Callable, path: str) -> None:
        self._name = f"{Path(path).stem}-{function.__code__.co_firstlineno}"

    def get_cache_path(self) -> str:
        return str(_folder())

    def get_source_stamp(self) -> str:
        return fingerprint()

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> _Locator:
        return cls(py_func, py_file)


class _KeptForms(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012


class _Kept(caching.FunctionCache):
    _impl_class = _KeptForms

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except (AttributeError, ImportError):  # kept by another version, with types that are gone
            self.flush()
            return None


class _KeptUncounted(_Kept):
    def save_overload(self, sig: Any, data: Any) -> None:
        if _has_arrays(data.signature.return_type):  # whoever calls it would free them
            raise TypeError(f"{self._name} returns arrays: say @kernel(makes_arrays=True)")
        super().save_overload(sig, data)


def _has_arrays(kind: types.Type) -> bool:
    """Tell whether a type of Numba is an array, or holds one."""
    if isinstance(kind, types.BaseTuple):
        return any(map(_has_arrays, cast(Any, kind)))
    return isinstance(kind, types.Array)
