"""What every result type shares: a JSON-ready form and safe writing of files."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_EXACT_IN_JSON = 2**53


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
    """Write `content` to `path` so that the file is either absent, old, or complete."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def write_json(path: str | os.PathLike, value: Any) -> Path:
    """Write `value` to `path` as JSON, atomically."""
    return write_atomically(path, json.dumps(jsonable(value), indent=2) + "\n")
