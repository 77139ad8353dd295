"""All settings of a tidy file, analysed as published and corrected: `regions recall FILE.csv`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from regions.errors import ArgumentError, DataError
from regions.files import read_table
from regions.randomness import Rng, check_rng
from regions.recall.curve import axes_of, draw_null, with_legend
from regions.recall.forms import COLUMNS, holds_names, tidy, unused_columns
from regions.recall.intensification import intensification
from regions.recall.result import IntensificationResult
from regions.recall.table import RecallTable
from regions.recall.tidy import split_settings
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANALYSES = MappingProxyType(
    {
        "published": "the test of Good et al. 2022 (arXiv 2206.02976), with its own settings",
        "corrected": "the same question with the estimator, null and correction named below",
    }
)
ALPHA = (
    "alpha is the slope by which pruning stretches recall balances (a class's recall / accuracy, "
    "minus 1): above 1, classes below average fell further below it; below 1, they drew closer."
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RecallReport(Result):
    """Results of several settings, each analysed in several ways.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> from regions.recall import report
    >>> report(table.to_frame()).to_frame()[["estimator", "verdict"]].values.tolist()
    [['ols', '?'], ['moments', '>']]
    """

    results: tuple[IntensificationResult, ...]
    unused: tuple[str, ...] = ()
    """Columns of the table that no analysis reads."""

    def to_frame(self, brief: bool = False) -> pd.DataFrame:
        """Return one row per setting, analysis and ratio; with `brief`, what fits a paper."""
        parts = []
        for result in self.results:
            frame = result.to_frame(brief=brief)
            frame.insert(len(result.table.setting), "analysis", _analysis(result))
            parts.append(frame)
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return every result, JSON-ready."""
        results = [{"analysis": _analysis(r), **r.to_dict()} for r in self.results]
        return jsonable({"results": results, "unused": self.unused})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw alpha against the compression ratio, one line for each result.

        Each has its own level, which the legend says, and is drawn beside its own null: a dashed
        line in grey if that is 1, else in the colour of the result.
        """
        ax = axes_of(ax)
        for index, result in enumerate(self.results):
            result.plot(
                ax,
                label=_name(result),
                show_null=False,
                dodge=1.03**index,
                color=f"C{index}",
            )
        ones = [r for r in self.results if r.options.null.name == "one"]
        for result in ones[:1]:
            several = len(ones) < len(self.results)
            of = f" (of {', '.join(map(_name, ones))})" if several else ""
            draw_null(result, ax, f"{result.options.null.label}{of}")
        for index, result in enumerate(self.results):
            if result.options.null.name != "one":
                label = f"{result.options.null.label} (of {_name(result)})"
                draw_null(result, ax, label, f"C{index}", "-.")
        return with_legend(ax)

    def summary(self) -> str:
        """Return one plain sentence per ratio, what alpha is, and every result in words."""
        said = []
        for result in self.results:
            setting = " ".join(result.table.setting.values())
            about = f"{setting}, {_analysis(result)}: " if setting else f"{_analysis(result)}: "
            said += [about + sentence for sentence in result.plain()]
        kinds = dict.fromkeys(map(_analysis, self.results))
        about = "\n".join([ALPHA, *(f"{kind}: {ANALYSES[kind]}." for kind in kinds)])
        parts = ["\n".join(said), about, *(result.summary() for result in self.results)]
        if self.unused:
            parts.append(
                f"Columns that are not used: {', '.join(self.unused)}. Known are {COLUMNS}."
            )
        return "\n\n".join(parts)


def _name(result: IntensificationResult) -> str:
    return " ".join([*result.table.setting.values(), _analysis(result)])


def _analysis(result: IntensificationResult) -> str:
    return "published" if result.options.paper else "corrected"


def report(
    source: str | os.PathLike | pd.DataFrame | RecallTable,
    *,
    analyses: Sequence[str] = tuple(ANALYSES),
    rng: Rng = 0,
    **options: Any,
) -> RecallReport:
    """Analyse a tidy table of recalls, setting by setting.

    Parameters
    ----------
    source : path of a CSV file, pandas.DataFrame or RecallTable
        Files and frames in the form of `RecallTable.from_frame`; `dataset`, `arch` and
        `algorithm` may have several values. A table made by `RecallTable.from_predictions` knows
        which images the models share, which a file of counts does not.
    analyses : sequence of {"published", "corrected"}
        "published": as in the paper. "corrected": by `options`, default `intensification`'s.
    **options
        Of `intensification`, for the corrected analysis.

    Raises
    ------
    DataError
        If the file is missing, too large, no CSV, or not in that form, or for other analyses.
    ArgumentError
        If the source is neither, or for options as of `intensification`.

    Examples
    --------
    >>> import regions
    >>> dense, pruned = [[912, 962, 865], [903, 959, 858], [916, 970, 838]], [[815, 937, 689]] * 3
    >>> table = regions.RecallTable.from_counts(dense, {50: pruned}, n=1000)
    >>> found = report(table.to_frame())
    >>> found.to_frame()["estimator"].tolist()
    ['ols', 'moments']

    From predictions, image by image:

    >>> y_true = [0, 0, 0, 1, 1, 1] * 20
    >>> predicted = [[0, 0, 1, 1, 1, 1] * 20, [0, 0, 1, 1, 1, 0] * 20, [0, 1, 0, 1, 1, 1] * 20]
    >>> seen = regions.RecallTable.from_predictions(y_true, predicted, {10: predicted[::-1]})
    >>> report(seen).to_frame()["population"].tolist()
    ['test_set', 'examples']
    """
    listed = isinstance(analyses, Sequence) and not isinstance(analyses, str)
    known = listed and all(isinstance(name, str) and name in ANALYSES for name in analyses)
    if not known or not 0 < len(set(analyses)) == len(analyses):
        raise DataError(
            f"analyses must list 'published' and/or 'corrected', each once, got {analyses!r}"
        )
    if not isinstance(source, (str, os.PathLike, pd.DataFrame, RecallTable)):
        raise ArgumentError(
            f"source is {source!r}; expected the path of a CSV file, a frame, or a RecallTable"
        )
    if refused := {"paper"} & set(options):
        raise ArgumentError(f"report has no option {min(refused)!r}; see analyses")
    check_rng(rng)
    results, unused = [], ()
    if isinstance(source, RecallTable):
        tables = [source]
    else:
        frame = tidy(
            source if isinstance(source, pd.DataFrame) else read_table(source, holds_names)
        )
        tables = [RecallTable.from_frame(rows) for _, rows in split_settings(frame)]
        unused = unused_columns(frame)
    for table in tables:
        for name in analyses:
            chosen: dict[str, Any] = {"paper": True} if name == "published" else options
            results.append(intensification(table, rng=rng, **chosen))
    return RecallReport(results=tuple(results), unused=unused)
