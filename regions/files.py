"""Reading files that may be damaged or hostile: within limits, and with the package's errors."""

from __future__ import annotations

import io
import json
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from regions.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ARRAY_BYTES = 2**32  # of arrays, unpacked
TEXT_BYTES = 2**28  # of JSON and tables
_MEMBERS = 100_000
_COLUMNS = 10_000
_KINDS = "biufSU"
# what tables write where a number is missing
_MISSING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None"]
_DEFLATE = 1032  # no byte of a deflated stream unpacks to more
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # also of nesting and of what zipfile does not implement
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
)


@contextmanager
def guarded(path: Path, expected: str) -> Iterator[None]:
    """Turn whatever a damaged file makes readers raise inside the block into a `DataError`."""
    try:
        yield
    except DataError:
        raise
    except _BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(
            f"{path} is no {expected}, or a truncated or damaged one, and cannot be read: "
            f"{reason.splitlines()[0]:.200}"
        ) from error


def read_bytes(path: str | os.PathLike, limit: int = TEXT_BYTES) -> bytes:
    """Return the content of a file.

    Raises
    ------
    DataError
        If it is missing, no plain file (a pipe would never end), too large or not readable.
    """
    check_file(path, limit)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {error.strerror}") from error


def check_file(path: str | os.PathLike, limit: int) -> None:
    """Refuse what is no plain file of at most `limit` bytes."""
    try:
        if not Path(path).is_file():
            found = "there is no file of that name"
            if Path(path).exists():
                found = "it is a folder" if Path(path).is_dir() else "it is a pipe or a device"
            raise DataError(f"cannot read {str(path)!r}: {found}")
        size = Path(path).stat().st_size
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot read {str(path)!r}: {error}") from error
    if size > limit:
        raise DataError(f"{path} has {size} bytes; the limit is {limit}")


def read_json(path: str | os.PathLike, expected: str) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    DataError
        If it is missing, no JSON, too large or nested too deeply.
    """
    content = read_bytes(path)
    with guarded(Path(path), expected):
        return json.loads(content.decode())


def read_table(
    path: str | os.PathLike, is_text: Callable[[str], bool] = lambda column: False
) -> pd.DataFrame:
    """Return the content of a table with commas, semicolons or tabs.

    Parameters
    ----------
    path : path
    is_text : callable
        Tells by its name whether a column holds names: there only an empty cell is missing, and
        "nan" or "NA" are names.

    Raises
    ------
    DataError
        If it is missing, no table, or too large.
    """
    import pandas as pd

    content = read_bytes(path, 2**30)
    with guarded(Path(path), "CSV table"):
        if b"\0" in content:
            raise ValueError("it holds NUL bytes")
        first = content.split(b"\n", 1)[0]
        mark = max((b",", b";", b"\t"), key=first.count)
        if max((line.count(mark) for line in io.BytesIO(content)), default=0) > _COLUMNS:
            raise ValueError(f"it has a line of more than {_COLUMNS} columns")
        text = io.StringIO(content.decode("utf-8-sig"))
        # with semicolons, numbers may have a comma
        decimal = "," if mark == b";" and b"," in content and b"." not in content else "."
        form: dict[str, Any] = {"sep": mark.decode(), "keep_default_na": False}
        head = pd.read_csv(text, header=None, nrows=1, dtype=str, na_values=[""], **form).iloc[0]
        if (twice := head[head.duplicated() & head.notna()]).size:  # pandas would rename them
            raise ValueError(f"two columns are called {twice.iloc[0]!r}")
        text.seek(0)
        missing = {name: [""] if is_text(str(name)) else _MISSING for name in head.dropna()}
        return pd.read_csv(text, low_memory=False, decimal=decimal, na_values=missing, **form)


def read_npy(path: str | os.PathLike, limit: int = ARRAY_BYTES) -> np.ndarray:
    """Return the array of an `.npy` file; never unpickles.

    Raises
    ------
    DataError
        If it is missing, damaged, too large, or its entries are neither numbers nor text.
    """
    content = read_bytes(path, limit)
    with guarded(Path(path), ".npy file of plain numbers"):
        return _array(content)


def read_npz(
    path: str | os.PathLike,
    expected: str = ".npz file of plain arrays",
    *,
    limit: int = ARRAY_BYTES,
    names: Collection[str] | None = None,
) -> dict[str, np.ndarray]:
    """Return the arrays of an `.npz` file by name, in its order; never unpickles.

    Sizes are checked before anything is unpacked, in the archive and in each array's header.

    Parameters
    ----------
    path : path
    expected : str
        What the file should be, for the error.
    limit : int
        Bytes that all arrays may take together.
    names : collection of str, optional
        Read these alone; those that the file lacks are left out.

    Raises
    ------
    DataError
        If the file is missing, damaged or too large, or an array holds anything but numbers and
        text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", counts=[1, 2])
    ...     read_npz(f"{folder}/a.npz")
    {'counts': array([1, 2])}
    """
    check_file(path, 2 * limit)
    with guarded(Path(path), expected), zipfile.ZipFile(path) as archive:
        members = _members(path, archive, limit)
        return {
            name: _array(archive.read(member))
            for name, member in members.items()
            if names is None or name in names
        }


def check_zip(path: str | os.PathLike, expected: str, limit: int = ARRAY_BYTES) -> None:
    """Refuse a zip archive that is damaged, or would unpack to more than `limit` bytes."""
    check_file(path, 2 * limit)
    with guarded(Path(path), expected), zipfile.ZipFile(path) as archive:
        _members(path, archive, limit)


def _members(
    path: str | os.PathLike, archive: zipfile.ZipFile, limit: int
) -> Mapping[str, zipfile.ZipInfo]:
    """Return the archive's members by name (without .npy), once their sizes are possible."""
    infos = archive.infolist()
    total = sum(info.file_size for info in infos)
    if total > limit:
        raise DataError(f"{path} would take {total} bytes in memory; the limit is {limit}")
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    if len(infos) > _MEMBERS or len(members) < len(infos):
        raise ValueError(f"its {len(infos)} members are too many, or share names")
    for info in infos:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{info.filename!r} is compressed by another method")
        if info.flag_bits & 1:
            raise ValueError(f"{info.filename!r} is encrypted")
        if info.file_size > _DEFLATE * info.compress_size + 64:
            raise ValueError(f"{info.filename!r} cannot hold what it announces")
    return members


def _array(content: bytes) -> np.ndarray:
    """Return the array in the bytes of an .npy file, whose header must announce just its size."""
    stream = io.BytesIO(content)
    shape, fortran, dtype = _header(stream)
    if dtype.kind not in _KINDS or dtype.itemsize == 0 or dtype.names or dtype.subdtype:
        raise ValueError(f"an array has entries of type {dtype}; expected numbers or text")
    if any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in shape):
        raise ValueError(f"an array announces the shape {shape!r:.80}")
    left = len(content) - stream.tell()
    if len(shape) > 32 or prod(shape) * dtype.itemsize != left:
        raise ValueError(f"an array announces the shape {shape!r:.80}, but {left} bytes follow")
    flat = np.frombuffer(content, dtype, prod(shape), stream.tell())
    return flat.reshape(shape, order="F" if fortran else "C").copy("K")


def _header(stream: IO[bytes]) -> tuple[tuple, bool, np.dtype]:
    try:
        version = np.lib.format.read_magic(stream)
        with warnings.catch_warnings():  # of odd headers, which are read or refused all the same
            warnings.simplefilter("ignore")
            if version == (1, 0):
                return np.lib.format.read_array_header_1_0(stream)
            if version == (2, 0):
                return np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # NumPy parses it as Python, with all errors that has
        raise ValueError(f"an array has no readable header ({type(error).__name__})") from error
    raise ValueError(f"an array is written in version {version} of the format")
