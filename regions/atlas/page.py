"""The page of an atlas: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import jinja2
import pandas as pd

from regions.atlas.findings import Findings
from regions.atlas.measure import CONTROL, DENSE
from regions.atlas.quantities import STATUS_MEANING, Quantity


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A figure as the page shows it: its SVG inline, and its numbers to download."""

    name: str
    title: str
    caption: str
    svg: str = field(repr=False)
    csv: str = field(repr=False)
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table to download."""

    name: str
    title: str
    csv: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number of the table: as it is in the CSV file, as it is shown, and its interval."""

    value: str
    text: str
    interval: str = ""
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method and density."""

    method: str
    density: str
    cells: list[Cell]
    reference: bool


def render(
    atlas: Findings, panels: Sequence[Panel], sheets: Sequence[Sheet], record: dict[str, Any]
) -> str:
    """Return the page.

    Parameters
    ----------
    atlas : Findings
    panels, sheets : sequences
        Its figures and tables.
    record : dict
        From `regions.figures.Run.record`.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("regions.atlas", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    rows = _rows(atlas)
    used = {column.status for column in atlas.quantities}
    return environment.get_template("atlas.html.j2").render(
        atlas=atlas,
        columns=atlas.quantities,
        groups=_groups(atlas.quantities),
        meanings=_meanings(atlas.quantities),
        references=[row for row in rows if row.reference],
        rows=[row for row in rows if not row.reference],
        panels=panels,
        sheets=sheets,
        record=record,
        record_text=json.dumps(record, indent=2, ensure_ascii=False),
        statuses={name: text for name, text in STATUS_MEANING.items() if name in used},
    )


def data_uri(text: str, kind: str) -> str:
    """Return `text` as an address that holds it.

    >>> data_uri("a", "text/csv")
    'data:text/csv;charset=utf-8;base64,YQ=='
    """
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _groups(columns: Sequence[Quantity]) -> list[tuple[str, int]]:
    """Return the heads that span several columns, with their widths."""
    return [(name, len(list(part))) for name, part in groupby(columns, key=lambda c: c.group)]


def _meanings(columns: Sequence[Quantity]) -> list[tuple[Quantity, str]]:
    """Return one column for all that say the same, and the headings of these."""
    parts = groupby(columns, key=lambda c: (c.group, c.what, c.domain, c.status))
    return [(part[0], ", ".join(c.heading for c in part)) for _, same in parts if (part := [*same])]


def _rows(atlas: Findings) -> list[Row]:
    return [
        Row(
            method=str(row["method"]),
            density=f"{row['density']:g}",
            cells=[_cell(row, column) for column in atlas.quantities],
            reference=row["method"] in (DENSE, CONTROL),
        )
        for row in atlas.table.to_dict(orient="records")
    ]


def _cell(row: dict[str, Any], column: Quantity) -> Cell:
    value, low, high = (float(row[f"{column.key}{end}"]) for end in ("", "_low", "_high"))
    if pd.isna(value):
        return Cell(value="", text=column.text(value))
    interval = f"± {column.text((high - low) / 2)}" if low < high else ""
    verdict = row.get(f"{column.key}_verdict", "")
    mark = verdict if verdict in ("<", ">") else ""
    return Cell(value=repr(value), text=column.text(value), interval=interval, mark=mark)
