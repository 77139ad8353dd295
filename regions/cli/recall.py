"""`regions recall`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

from tyro.conf import OmitArgPrefixes, Positional, arg

from regions.arguments import check_whole
from regions.cli.fields import fields_of, given_fields
from regions.cli.output import TERMINAL, give
from regions.cli.words import Where, one_of
from regions.recall import ESTIMATORS, NULLS, report
from regions.recall.balance import Center, Weights
from regions.recall.forms import COLUMNS
from regions.recall.inference import CORRECTIONS
from regions.recall.report import ANALYSES

OPTIONS = fields_of(ESTIMATORS)
_NULLS = (
    "What no intensification means, in the corrected analysis: "
    + "; ".join(f"{name}: {null.words}" for name, null in NULLS.items())
    + "."
)
_TABLE = f"a table of recalls with commas, semicolons or tabs: {COLUMNS}"


def recall(
    table: Annotated[Positional[Path], arg(metavar="FILE.csv", help=_TABLE)],
    analyses: tuple[Annotated[str, one_of(ANALYSES)], ...] = tuple(ANALYSES),
    estimator: Annotated[str, one_of(ESTIMATORS)] = "moments",
    null: Annotated[str, one_of(NULLS), arg(help=_NULLS)] = "one",
    correction: Annotated[str, one_of(CORRECTIONS)] = "holm",
    center: Annotated[str, one_of(get_args(Center))] = "accuracy",
    weights: Annotated[str, one_of(get_args(Weights))] | None = None,
    seed: int = 0,
    where: Where = TERMINAL,
    alpha: Annotated[Any, arg(constructor=type(OPTIONS)), OmitArgPrefixes] = OPTIONS,
) -> None:
    """Test whether pruning hurts classes of low recall more (recall intensification).

    Args:
        analyses: The test as published, and the one corrected for measurement noise. Predictions
            of each image say more than counts: see `regions.recall.report` in Python.
        estimator: Of the corrected analysis.
        correction: Of its p-values over the ratios: with many ratios, one would seem to matter by
            chance. holm and bonferroni limit the chance of any false verdict, bh the share of false
            ones.
        center: What recalls are compared with, in the corrected analysis.
        weights: Of classes in its slopes; by default what makes balances sum to 0.
        seed: Seed of its random splits.
    """
    where.check()
    check_whole(seed, "--seed", 0)
    options = {"estimator": estimator, "null": null, "correction": correction}
    options |= {"center": center} | ({} if weights is None else {"weights": weights})
    give(report(table, analyses=analyses, rng=seed, **options, **given_fields(alpha)), where)
