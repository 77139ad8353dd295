"""Writes an atlas: tables, figures, the page, and where it all came from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from regions.atlas.exhibits import Exhibit
from regions.atlas.findings import Findings
from regions.atlas.page import Panel, Sheet, render
from regions.atlas.svg import inline_svg
from regions.figures import save_figure, save_run
from regions.results import write_atomically

PAGE = "atlas.html"


def save_atlas(atlas: Findings, folder: Path, exhibits: Sequence[Exhibit]) -> dict[str, Path]:
    """Write everything to `folder`; see `Atlas.save`."""
    sheets = [
        Sheet(name=name, title=title, csv=_csv(table))
        for name, (title, table) in _tables(atlas).items()
    ]
    panels = [
        _panel(exhibit, number, folder, atlas) for number, exhibit in enumerate(exhibits, start=1)
    ]
    paths = {
        sheet.name: write_atomically(folder / f"{sheet.name}.csv", sheet.csv) for sheet in sheets
    }
    page = render(atlas, panels, sheets, atlas.run.record())
    paths["page"] = write_atomically(folder / PAGE, page)
    paths["run"] = save_run(folder, atlas.run, list(paths.values()))
    return paths


def _tables(atlas: Findings) -> dict[str, tuple[str, pd.DataFrame]]:
    names = pd.Series(dict(enumerate(atlas.survey.data.class_names)))
    classes: Any = atlas.classes
    classes = classes.assign(**{"class": classes["class"].map(names)})
    # the columns that `regions recall` reads
    recalls = classes.rename(columns={"method": "algorithm", "seed": "model"})
    recalls.insert(2, "ratio", 1 / recalls["density"].astype(float))
    tables = {
        "atlas": ("The table above, with intervals", atlas.table),
        "networks": ("One row per network", atlas.networks),
        "slices": ("Counts on every plane and segment", atlas.slices),
        "layers": ("Similarity of every layer", atlas.layers),
        "recalls": ("Correct predictions per class", recalls),
    }
    if atlas.recall is not None:
        tables["recall-tests"] = ("Tests of recall intensification", atlas.recall)
    return tables


def _panel(exhibit: Exhibit, number: int, folder: Path, atlas: Findings) -> Panel:
    figure: Any = exhibit.draw()
    try:
        files = save_figure(figure, folder / "figures" / exhibit.name, exhibit.data, atlas.run)
    finally:
        plt.close(figure)
    return Panel(
        name=exhibit.name,
        title=exhibit.title,
        caption=exhibit.caption,
        svg=inline_svg(
            files["svg"].read_text(), f"figure{number}", exhibit.title, exhibit.description
        ),
        csv=files["csv"].read_text(),
        wide=exhibit.wide,
    )


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
