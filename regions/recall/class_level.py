"""Intensification class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from regions.choices import check_name
from regions.errors import ArgumentError
from regions.randomness import Rng, check_rng, generator_of
from regions.recall.balance import Balances, Scale, balances
from regions.recall.counts import leave_one_out
from regions.recall.estimate import GROUPS
from regions.recall.inference import adjust, infer
from regions.recall.ratio import Contrast, Ratio
from regions.recall.sample import SAME_VALUE, why_each
from regions.recall.table import RecallTable, check_table

POPULATIONS = ("examples", "test_set")
_NO_POPULATION = (
    "counts do not show what models share on the same images; give predictions, or population "
    "'test_set'"
)
_NO_BALANCE = "a network has accuracy 0, so recall relative to it is undefined"


def class_intensification(
    table: RecallTable, population: str | None = None, *, rng: Rng = 0
) -> pd.DataFrame:
    """Return how far each class moved from the accuracy, with a test over models and images.

    Where alpha is 1 and models share up to .6 of what makes an image hard, any of ten classes of
    100 images is found to change in .05 to .06 of simulated tables (nominal .05).

    For class c, I = Bn_t / Bn_1 explodes where the class is near the accuracy. So the ratio of
    the means over models is reported, and what is tested is the signed change away from the
    accuracy: the paired difference Bn_t - Bn_1 times the sign of the mean dense balance.

    Parameters
    ----------
    table : RecallTable
    population : {"examples", "test_set"}, optional
        Of whom intervals and p-values speak. "examples", the default for tables from predictions:
        further training seeds and new images, by the two-way jackknife. "test_set": further seeds
        on these same images. Counts do not show what models share on the same images, so without
        predictions and without a choice, intervals and p-values are NaN.
    rng : int, numpy.random.Generator or None
        For the groups of images of the jackknife.

    Returns
    -------
    pandas.DataFrame
        One row per ratio and class: `ratio`, `class`, `balance_dense`, `balance_pruned` (means of
        Bn), `intensification` (their ratio; NaN if the dense mean is within two standard errors
        of 0), `sign_changes` (share of models whose balance changes sign), `change` (away from
        the accuracy), `low`, `high` (95 %), `pvalue`, `pvalue_adjusted` (Benjamini-Hochberg over
        the classes of a ratio), `note` (why there is no test, else empty), `population` (empty
        where none is chosen).

    Raises
    ------
    ArgumentError
        For another population, or "examples" of a table that holds only counts.

    Examples
    --------
    >>> import regions
    >>> dense, pruned = [[90, 70], [88, 71], [91, 72]], [[70, 50], [69, 48], [72, 53]]
    >>> table = regions.RecallTable.from_counts(dense, {10: pruned}, n=100)
    >>> frame = class_intensification(table, "test_set")
    >>> frame["intensification"].round(2).tolist(), (frame["pvalue"] < 0.05).tolist()
    ([1.43, 1.43], [True, True])
    """
    check_table(table)
    check_rng(rng)
    if population is None:
        population = "examples" if table.predictions is not None else ""
    else:
        check_name("population", population, POPULATIONS)
    parts = [table.counts]
    if population == "examples":
        if table.predictions is None:
            raise ArgumentError(
                'population="examples" resamples images, so it needs predictions '
                "(RecallTable.from_predictions); the table holds only counts"
            )
        number = max(2, min(GROUPS, int(table.sizes.min())))
        groups = table.predictions.groups(number, generator_of(rng))
        parts = leave_one_out(groups)
    found = [balances(part, Scale()) for part in parts]
    frames, reasons = [], why_each(table)
    for row, ratio in enumerate(table.ratios):
        frame = _one_ratio(found, row, reasons[row] or ("" if population else _NO_POPULATION))
        frame.insert(0, "ratio", ratio)
        frame.insert(1, "class", list(table.classes))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).assign(population=population)


def _one_ratio(found: Sequence[Balances], row: int, why: str) -> pd.DataFrame:
    x, y = found[0].x, found[0].y[row]
    changes = [(part.y[row] - part.x) * np.sign(x.mean(0)) for part in found]
    change = changes[0].mean(0)
    pvalue, half = np.full((2, len(change)), np.nan)
    notes = np.full(len(change), why, dtype=object)
    if not why:
        whole, *left_out = (
            Contrast(Ratio(part.T, np.ones_like(part.T)), np.zeros(len(change))) for part in changes
        )
        test = infer(whole, left_out, "t", "two-sided")
        varied = test.standard_error > 0
        pvalue = np.where(varied, test.pvalue, np.nan)
        half = np.where(varied, stats.t.ppf(0.975, test.df) * test.standard_error, np.nan)
        notes = np.where(varied, "", np.where(np.isfinite(change), SAME_VALUE, _NO_BALANCE))
    return pd.DataFrame(
        {
            "balance_dense": x.mean(0),
            "balance_pruned": y.mean(0),
            "intensification": _ratio_of_means(x, y),
            "sign_changes": (x * y < 0).mean(0),
            "change": change,
            "low": change - half,
            "high": change + half,
            "pvalue": pvalue,
            "pvalue_adjusted": adjust(pvalue, "bh"),
            "note": notes,
        }
    )


def _ratio_of_means(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    models = len(x)
    error = x.std(0, ddof=1) / np.sqrt(models) if models > 1 else np.zeros(x.shape[1])
    dense = np.where(np.abs(x.mean(0)) > np.maximum(2 * error, 1e-12), x.mean(0), np.nan)
    return y.mean(0) / dense
