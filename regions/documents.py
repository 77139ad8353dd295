"""A result as a file: JSON, its table, a page, Markdown, or a LaTeX table."""

from __future__ import annotations

import inspect
import io
import json
import os
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from regions.errors import ArgumentError

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
svg{max-width:100%;height:auto}div{overflow-x:auto}
@media(prefers-color-scheme:dark){body{background:#16181d;color:#e4e6ea}th,td{border-color:#444}
svg{background:#fff}}"""


def as_json(result: Any) -> str:
    """Return all that a result holds."""
    return json.dumps(_told(result, "to_dict"), indent=2) + "\n"


def as_csv(result: Any) -> str:
    """Return the whole table of a result."""
    return _told(result, "to_frame").to_csv(index=False)


def as_html(result: Any) -> str:
    """Return a page: what was found in words, its table, its picture if any, and the rest."""
    first, *rest = _blocks(result)
    table = _table(result).to_html(index=False, border=0, na_rep="", float_format=_number)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(first[0])}</title><style>{_STYLE}</style></head><body>\n"
        f"{_paragraph(first)}<div>{table}</div>\n{_picture(result)}\n"
        f"{''.join(map(_paragraph, rest))}</body></html>\n"
    )


def as_markdown(result: Any) -> str:
    """Return what was found in words, its table, and what it rests on."""
    frame = _table(result)
    rows = [list(map(str, frame.columns)), ["---"] * len(frame.columns)]
    rows += [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    first, *rest = _blocks(result)
    return "\n\n".join([*first, table, *(line for block in rest for line in block)]) + "\n"


def as_latex(result: Any) -> str:
    """Return the table (booktabs), with what was found in words as comments above it."""
    frame = _table(result).rename(columns=lambda name: str(name).replace("_", " "))
    words = "".join(f"% {line}\n" for block in _blocks(result) for line in block)
    shown = frame.map(_cell).map(_for_latex)
    return words + shown.to_latex(index=False, escape=False)


WRITERS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {".json": as_json, ".csv": as_csv, ".html": as_html, ".md": as_markdown, ".tex": as_latex}
)


def writer_of(path: str | os.PathLike) -> Callable[[Any], str]:
    """Return what makes a file of that ending.

    Raises
    ------
    ArgumentError
        If the ending is none of `WRITERS`.

    Examples
    --------
    >>> writer_of("report.tex").__name__
    'as_latex'
    """
    ending = Path(path).suffix
    if ending not in WRITERS:
        raise ArgumentError(
            f"cannot write {str(path)!r}: its ending says no form; end it in {', '.join(WRITERS)}"
        )
    return WRITERS[ending]


def _blocks(result: Any) -> list[list[str]]:
    """Return the lines of the summary, block by block: the first is what was found."""
    blocks = [[line.strip() for line in b.splitlines()] for b in result.summary().split("\n\n")]
    return [[line for line in block if line] for block in blocks if any(block)]


def _paragraph(block: list[str]) -> str:
    return f"<p>{'<br>'.join(map(escape, block))}</p>\n"


def _table(result: Any) -> Any:
    frame = getattr(result, "to_frame", None)
    if frame is not None and "brief" in inspect.signature(frame).parameters:
        return frame(brief=True)
    return _told(result, "to_frame")


def _told(result: Any, form: str) -> Any:
    """Return the frame or the dictionary of a result, if it has one."""
    if hasattr(result, form):
        return getattr(result, form)()
    name = type(result).__name__
    rest = "end the file in .json" if hasattr(result, "to_dict") else "pickle it"
    raise ArgumentError(f"a {name} has no {form}() and so no file of this form; {rest}")


def _picture(result: Any) -> str:
    if not hasattr(result, "plot"):
        return ""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.7), layout="constrained")
    result.plot(figure.add_subplot())
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "regions"}):  # the same result is the same page
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()[stream.getvalue().index("<svg") :]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else _number(value)
    return str(value)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _for_latex(text: str) -> str:
    if text in ("<", ">"):
        return f"${text}$"
    return "".join(f"\\{mark}" if mark in "&%$#_{}" else mark for mark in text)
