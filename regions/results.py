"""What every result type shares: how it is shown and copied, a JSON-ready form, safe writing."""

from __future__ import annotations

import dataclasses
import enum
import errno
import json
import os
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from regions.errors import OutputError

_PROBE = 2**16  # bytes that must fit where results will go
_EXACT_IN_JSON = 2**53
_SHOWN_ROWS = 50  # of a table in a notebook


class Frozen:
    """Base of values that hold read-only mappings: they pickle and copy, and stay read-only."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: _thawed(value) for name, value in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value.frozen() if isinstance(value, _Thawed) else value)


class Result(Frozen):
    """Base of results: shown by their `summary()`, in a notebook with their table below it.

    Examples
    --------
    >>> import regions
    >>> regions.upper_bound([([[1.0]], [0.0]), ([[1.0]], [0.0])])
    at most 2 activation regions (serra bound, widths 1-1, inputs in 1 of 1 dimensions)
    """

    def summary(self) -> str:
        """Return what was found, in words."""
        raise NotImplementedError

    def write(self, path: str | os.PathLike) -> Path:
        """Write the result to a file whose ending says the form.

        ``.json`` is all of it, ``.csv`` its table, ``.html`` a page with its picture, ``.md`` and
        ``.tex`` are a table that fits a paper.

        Raises
        ------
        ArgumentError
            If the ending is another.
        OutputError
            If the file cannot be written.
        """
        from regions.documents import writer_of

        return write_atomically(path, writer_of(path)(self))

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        first, *others = self.summary().splitlines()
        notes = "".join(f"<div>{escape(line)}</div>" for line in others)
        style = "font-variant-numeric: tabular-nums; margin: .3em 0"
        return f'<div style="{style}"><b>{escape(first)}</b>{notes}{self._table()}</div>'

    def _table(self) -> str:
        frame = getattr(self, "to_frame", lambda: None)()
        if frame is None:
            return ""
        rest = len(frame) - _SHOWN_ROWS
        more = f"<div>and {rest:,} more rows: .to_frame()</div>" if rest > 0 else ""
        table = frame.head(_SHOWN_ROWS).to_html(
            index=False, border=0, na_rep="–", float_format="{:.4g}".format
        )
        return f'<div style="overflow-x: auto; max-width: 100%">{table}</div>{more}'


@dataclasses.dataclass(frozen=True)
class _Thawed:
    """What stands for a read-only mapping or array in a pickle."""

    value: Any

    def frozen(self) -> Any:
        if isinstance(self.value, dict):
            return MappingProxyType(self.value)
        self.value.flags.writeable = False
        return self.value


def _thawed(value: Any) -> Any:
    if isinstance(value, MappingProxyType):
        return _Thawed(dict(value))
    read_only = type(value) is np.ndarray and not value.flags.writeable
    return _Thawed(value) if read_only else value


def jsonable(value: Any) -> Any:
    """Return `value` as JSON-ready Python objects.

    Integers above 2**53 become strings, because most JSON readers would round them; infinities
    and NaN become the strings "inf", "-inf" and "nan", because JSON has no such numbers.

    >>> jsonable({"count": 2**60, "log2": np.float64(1.5), "widths": (2, 3)})
    {'count': '1152921504606846976', 'log2': 1.5, 'widths': [2, 3]}
    """
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value) if abs(int(value)) <= _EXACT_IN_JSON else str(int(value))
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else str(float(value))
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: jsonable(getattr(value, field.name)) for field in fields}
    return str(value)


def write_atomically(path: str | os.PathLike, content: bytes | str) -> Path:
    """Write `content` to `path` so that the file is either absent, old, or complete.

    This holds through a loss of power too: the bytes are on the disk before the file has its
    name, and the name is on the disk on return. A link is followed; a device or a pipe cannot be
    replaced and is written into.

    Raises
    ------
    OutputError
        If it cannot be written; what was there is left as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(data)
        else:
            _replace(target, data)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {str(path)!r}: {_reason(error)}") from error
    return Path(path)


def check_writable(path: str | os.PathLike, *, folder: bool = False) -> Path:
    """Refuse a file (or, with `folder`, a folder) that cannot be written, before any work is done.

    A probe of some KiB is written where it would be (or above, where its folders would be made)
    and is gone again on return.

    Raises
    ------
    OutputError
        If the place is read-only or full, or something else is in the way.
    """
    chosen = "folder" if folder else "file"
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and target.is_dir() != folder:
            found = "a folder" if target.is_dir() else "no folder"
            if not folder and not target.is_dir() and not target.is_file():
                return Path(path)  # a device or a pipe: what is written cannot be taken back
            raise OutputError(f"cannot write {str(path)!r}: it is {found}; give a {chosen}")
        parent = target if folder else target.parent
        while not parent.exists():
            parent = parent.parent
        with tempfile.TemporaryFile(dir=parent) as probe:
            probe.write(bytes(_PROBE))
            _flush(probe)
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        message = f"cannot write to the {chosen} {str(path)!r}: {_reason(error)}"
        raise OutputError(message) from error
    return Path(path)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _replace(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            _flush(stream)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _flush(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(handle)


def write_json(path: str | os.PathLike, value: Any) -> Path:
    """Write `value` to `path` as JSON, atomically."""
    return write_atomically(path, json.dumps(jsonable(value), indent=2) + "\n")
