"""Save a figure in every format a paper needs, with its numbers and where they came from."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from regions.errors import ArgumentError, DataError
from regions.figures.provenance import Run, file_hash
from regions.files import read_json
from regions.results import write_atomically, write_json

# No dates in the files: the same figure gives the same bytes.
_FORMATS = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


def save_figure(
    fig: Figure, stem: str | os.PathLike, data: pd.DataFrame, run: Run | Mapping[str, Any]
) -> dict[str, Path]:
    """Write `stem`.pdf, .svg, .png (300 dpi) and .csv, and last `run.json` beside them.

    The same figure and data give the same bytes on the same machine; only `run.json` differs
    (time). Every file is either absent, old or complete. Further figures of the same run
    (equal settings) in the same folder are added to the `outputs` of its `run.json`.

    Parameters
    ----------
    fig
        The figure; drawn inside `figure_style` it has the venue's width.
    stem
        Path without extension, for example "out/demo/allocations".
    data
        The numbers drawn, tidy; the index is not written.
    run
        A `Run`, or a mapping of settings from which one is made.

    Returns
    -------
    dict
        The files written: "pdf", "svg", "png", "csv" and "run".

    Raises
    ------
    ArgumentError
        If `stem` names a folder or `data` is no data frame.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> fig, ax = plt.subplots()
    >>> found = save_figure(fig, Path(mkdtemp()) / "empty", pd.DataFrame({"x": [1]}), {"seed": 0})
    >>> sorted(found)
    ['csv', 'pdf', 'png', 'run', 'svg']
    >>> plt.close(fig)
    """
    stem = Path(stem)
    if not stem.name or stem.is_dir():
        raise ArgumentError(f"stem is {str(stem)!r}; give a file path without its extension")
    rendered = {kind: _render(fig, kind, stem.name) for kind in _FORMATS}
    table = _csv(data)
    paths = {
        kind: write_atomically(f"{stem}.{kind}", content) for kind, content in rendered.items()
    }
    paths["csv"] = write_atomically(f"{stem}.csv", table)
    paths["run"] = save_run(stem.parent, run, list(paths.values()))
    return paths


def save_table(
    data: pd.DataFrame, path: str | os.PathLike, run: Run | Mapping[str, Any]
) -> dict[str, Path]:
    """Write `data` as the CSV file `path`, and `run.json` beside it; return both paths.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import pandas as pd
    >>> table = pd.DataFrame({"density": [0.1, 0.2]})
    >>> found = save_table(table, Path(mkdtemp()) / "table", {"seed": 0})
    >>> all(path.is_file() for path in found.values())
    True
    """
    written = write_atomically(path, _csv(data))
    return {"csv": written, "run": save_run(written.parent, run, [written])}


def save_run(folder: str | os.PathLike, run: Run | Mapping[str, Any], outputs: list[Path]) -> Path:
    """Write `folder`/run.json: the record of `run` and the hashes of its `outputs`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> save_run(mkdtemp(), {"seed": 0}, []).name
    'run.json'
    """
    path = Path(folder) / "run.json"
    record = (run if isinstance(run, Run) else Run(config=run)).record()
    earlier = _earlier_outputs(path, record)
    hashes = {output.name: file_hash(output) for output in outputs}
    return write_json(path, {**record, "outputs": {**earlier, **hashes}})


def _earlier_outputs(path: Path, record: dict[str, Any]) -> dict[str, str]:
    """Return what an earlier part of the same run wrote into this folder."""
    try:
        earlier = read_json(path, "record of a run")
        same = all(earlier[key] == record[key] for key in ("config", "seed", "inputs"))
        return dict(earlier.get("outputs", {})) if same else {}
    except (DataError, LookupError, TypeError, ValueError, AttributeError):
        return {}  # a damaged record is replaced


def _render(fig: Figure, kind: str, salt: str) -> bytes:
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": salt, "pdf.fonttype": 42}):
        fig.savefig(stream, format=kind, dpi=300, metadata=_FORMATS[kind])
    return stream.getvalue()


def _csv(data: pd.DataFrame) -> str:
    if not isinstance(data, pd.DataFrame):
        kind = type(data).__name__
        raise ArgumentError(f"data is a {kind}; expected a pandas data frame with what was drawn")
    return data.to_csv(index=False, lineterminator="\n")
