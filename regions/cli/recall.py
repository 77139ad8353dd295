"""`regions recall`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional, arg

from regions.cli.fields import fields_of, given_fields
from regions.cli.output import TERMINAL, give
from regions.cli.words import Where, one_of
from regions.recall import ESTIMATORS, NULLS, report
from regions.recall.forms import COLUMNS
from regions.recall.inference import CORRECTIONS
from regions.recall.report import ANALYSES

OPTIONS = fields_of(ESTIMATORS)
_TABLE = f"a table of recalls with commas, semicolons or tabs: {COLUMNS}"


def recall(
    table: Annotated[Positional[Path], arg(metavar="FILE.csv", help=_TABLE)],
    analyses: tuple[Annotated[str, one_of(ANALYSES)], ...] = ANALYSES,
    estimator: Annotated[str, one_of(ESTIMATORS)] = "moments",
    null: Annotated[str, one_of(NULLS)] = "one",
    correction: Annotated[str, one_of(CORRECTIONS)] = "holm",
    seed: int = 0,
    where: Where = TERMINAL,
    alpha: Annotated[Any, arg(constructor=type(OPTIONS)), OmitArgPrefixes] = OPTIONS,
) -> None:
    """Test whether pruning hurts classes of low recall more (recall intensification).

    Args:
        analyses: The test as published, and the one corrected for measurement noise.
        estimator: Of the corrected analysis.
        null: What no intensification means, in the corrected analysis.
        correction: Of its p-values over the ratios.
        seed: Seed of its random splits.
    """
    where.check()
    options = {"estimator": estimator, "null": null, "correction": correction}
    give(report(table, analyses=analyses, rng=seed, **options, **given_fields(alpha)), where)
