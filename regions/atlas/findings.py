"""All that was measured, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd
from torch import nn

import regions
from regions.atlas.dense import Starts
from regions.atlas.measure import Survey
from regions.atlas.quantities import Extent, Quantity, numbered, quantities
from regions.atlas.sentences import sentences
from regions.atlas.settings import Settings
from regions.atlas.tabulate import ESTIMATORS, per_network, recall_tests, rows_of, tabulate
from regions.figures import Run
from regions.results import Result, jsonable

_FEWEST_NETWORKS = 3


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Findings(Result):
    """What pruning did to a network, method by method and density by density.

    Attributes
    ----------
    model, data : str
        What was pruned, and a sentence on the data.
    settings : Settings
    quantities : tuple of Quantity
        The columns of `table`: what each number is, over which domain, and its status.
    table : pandas.DataFrame
        One row per method and density: means over networks with 95 % intervals.
    networks, slices, layers, classes : pandas.DataFrame
        What the means were taken of: one row per network; network and slice; network and layer;
        network and class (`RecallTable.from_frame` reads the rows of one method).
    recall : pandas.DataFrame or None
        The rows of the corrected intensification tests; None where networks are not several.
    notes : tuple of str
        What is missing, and why.
    """

    model: str
    data: str
    settings: Settings
    quantities: tuple[Quantity, ...]
    table: pd.DataFrame = field(repr=False)
    networks: pd.DataFrame = field(repr=False)
    slices: pd.DataFrame = field(repr=False)
    layers: pd.DataFrame = field(repr=False)
    classes: pd.DataFrame = field(repr=False)
    recall: pd.DataFrame | None = field(repr=False)
    notes: tuple[str, ...]
    run: Run = field(repr=False)
    survey: Survey = field(repr=False)

    @classmethod
    def from_rows(cls, frame: pd.DataFrame, survey: Survey, starts: Starts, run: Run) -> Self:
        """Sort the rows of `regions.atlas.measure.measure`."""
        kinds = {kind: rows_of(frame, kind) for kind in ("network", "slice", "layer", "class")}
        layers = list(dict.fromkeys(kinds["layer"]["layer"]))
        networks = per_network(kinds["network"], kinds["slice"], kinds["layer"])
        several = survey.distinct and survey.settings.seeds >= _FEWEST_NETWORKS
        recall = recall_tests(kinds["class"]) if several else None
        columns = _columns(survey, kinds["slice"], layers)
        table = tabulate(networks, recall, [column.key for column in columns])
        known = {column.key for column in columns if bool(table[column.key].notna().any())}
        shown = tuple(c for c in columns if c.key in known or c.status == "limit")
        return cls(
            model=starts.name,
            data=survey.data.summary(),
            settings=survey.settings,
            quantities=shown,
            table=table,
            networks=networks,
            slices=kinds["slice"],
            layers=kinds["layer"],
            classes=kinds["class"],
            recall=recall,
            notes=(
                *_notes(survey, kinds["slice"], recall, columns),
                *_absent(survey, columns, shown),
            ),
            run=run,
            survey=survey,
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in a few sentences."""
        return sentences(self.table, self.layers, self.recall)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method and density: each number with its interval."""
        return self.table.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return settings, columns and rows, JSON-ready."""
        return jsonable(
            {
                "model": self.model,
                "data": self.data,
                "settings": self.settings,
                "quantities": self.quantities,
                "rows": self.table.to_dict(orient="records"),
                "sentences": self.sentences,
                "notes": self.notes,
            }
        )

    def summary(self) -> str:
        """Return the table in text, and what is missing from it."""
        shown = {("", name): self.table[name] for name in ("method", "density")}
        for column in self.quantities:
            texts = [column.text(value) for value in self.table[column.key]]
            shown[column.group, column.heading] = texts
        found = [f"{self.model} on {self.data}", "", *self.sentences]
        lines = [*found, "", pd.DataFrame(shown).to_string(index=False)]
        return "\n".join([*lines, "", *self.notes]).rstrip()


def _columns(survey: Survey, slices: Any, layers: list[str]) -> tuple[Quantity, ...]:
    data, settings = survey.data, survey.settings
    net = regions.as_network(survey.dense[0], input_shape=data.image_shape)
    extent = Extent(
        tests=len(data.test),
        inputs=net.input_size,
        units=sum(net.widths[1:-1]),
        planes=settings.planes,
        lines=settings.lines,
        images=len(survey.inputs()),
        ntk_images=len(survey.points()),
        layers=tuple(layers),
        limited=frozenset(slices.loc[slices["count_status"] != "EXACT", "domain"]),
    )
    return quantities(extent)


def _absent(
    survey: Survey, columns: tuple[Quantity, ...], shown: tuple[Quantity, ...]
) -> Iterator[str]:
    """Say which columns have no value in any row, and which layers are not compared."""
    for column in columns:
        if column not in shown:
            yield f"{column.group}, {column.heading}: no row has a value, so it has no column."
    modules = sum(isinstance(module, nn.ReLU) for module in survey.dense[0].modules())
    net = regions.as_network(survey.dense[0], input_shape=survey.data.image_shape)
    called = len(net.relu_layers) - modules
    if called > 0:
        yield (
            f"{numbered(called, 'ReLU layer')} of the network are calls of a function, not "
            "modules: among the layers compared stand the modules that feed them, before the ReLU."
        )


def _notes(
    survey: Survey, slices: Any, recall: Any, columns: tuple[Quantity, ...]
) -> Iterator[str]:
    late = int((slices["count_status"] != "EXACT").sum())
    if late:
        yield (
            f"{late} of {len(slices)} counts of regions reached the limit of "
            f"{survey.settings.time_limit:g} s; their networks are left out of the mean counts."
        )
    if not survey.distinct:
        yield (
            "There is one dense network: intervals cover random criteria and the order of "
            "images in fine-tuning only, and how far apart dense networks are is not known."
        )
    if recall is None:
        yield (
            f"Recall intensification is not known: it needs at least {_FEWEST_NETWORKS} networks "
            "that were trained independently."
        )
        return
    unknown = recall[recall["reason"] != ""]
    for (estimator, reason), rows in unknown.groupby(["estimator", "reason"], sort=False):
        heading = next(c.heading for c in columns if ESTIMATORS.get(c.key) == estimator)
        yield (
            f"Recall intensification {heading} has no estimate in {numbered(len(rows), 'row')}: "
            f"{reason}."
        )
