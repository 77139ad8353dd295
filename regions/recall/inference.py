"""Tests of one number per row from models: t, signed rank, exact sign flips; two-way variance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from regions.recall.ratio import Contrast

ALTERNATIVES = ("two-sided", "less", "greater")
FEWEST_MODELS = 3
"""With fewer there is no verdict."""

# spread below this is rounding: all models gave the same value
_NOTHING = 1e-12
_EXACT_FLIPS = 12


@dataclass(frozen=True, eq=False)
class Inference:
    """Deviation from the null, its standard error and test, one entry per row."""

    deviation: np.ndarray
    standard_error: np.ndarray
    df: np.ndarray
    statistic: np.ndarray
    pvalue: np.ndarray

    def without_deviation(self, rows: np.ndarray) -> Inference:
        """Return the same with nothing deviating in some rows, because it cannot."""
        deviation, error = (
            np.where(rows, 0.0, part) for part in (self.deviation, self.standard_error)
        )
        statistic, pvalue = np.where(rows, 0.0, self.statistic), np.where(rows, 1.0, self.pvalue)
        return Inference(deviation, error, self.df, statistic, pvalue)


def infer(
    contrast: Contrast,
    left_out: Sequence[Contrast],
    test: str,
    alternative: str,
) -> Inference:
    """Test whether a contrast is zero.

    Parameters
    ----------
    contrast
        From all images.
    left_out
        The same without each group of images; empty if the images are taken as fixed.

    Returns
    -------
    Inference
        Where all models give the same value, the standard error is 0 and there is no statistic
        and no p-value, whatever the images say.
    """
    over_models = variance = contrast.model_variance()
    df = np.full(len(variance), contrast.ratio.models - 1.0)
    if left_out:
        variance, df = two_way_variance(contrast, left_out)
    constant = np.sqrt(over_models) < _NOTHING
    error = np.where(constant, 0.0, np.sqrt(variance))
    deviation = contrast.value
    deviation = np.where(np.abs(deviation) < _NOTHING, 0.0, deviation)
    statistic = deviation / np.where(error > 0, error, np.nan)
    pvalue = t_pvalue(statistic, df, alternative)
    rank = TESTS[test][1]
    if rank is not None:
        pseudo = contrast.pseudo_values()
        ranked = [
            np.nan if same else rank(row, alternative)
            for same, row in zip(constant, pseudo, strict=True)
        ]
        pvalue = np.array(ranked)
    return Inference(deviation, error, df, statistic, pvalue)


def t_pvalue(statistic: np.ndarray, df: np.ndarray, alternative: str) -> np.ndarray:
    """Return the p-value of Student's t; NaN without degrees of freedom."""
    df = np.where(np.asarray(df) > 0, df, np.nan)
    if alternative == "less":
        return stats.t.cdf(statistic, df)
    if alternative == "greater":
        return stats.t.sf(statistic, df)
    return 2 * stats.t.sf(np.abs(statistic), df)


def two_way_variance(
    contrast: Contrast, left_out: Sequence[Contrast]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance over models and over images, and its degrees of freedom.

    V = V_models + max(0, V_images - V_interaction) M / (M - 1): models by the jackknife, which
    holds all noise that differs between models; images by the jackknife over G groups left out in
    all models at once; the interaction is the sum over models of the image jackknife of each
    model's share. The difference of the last two is what the M models share, times 1 - 1 / M.
    Degrees of freedom by Satterthwaite's rule from M - 1 and 2 / (2 / (G - 1) + k / G), G - 1 or
    fewer: with an excess kurtosis k of the groups (few images that all models get wrong) their
    variance is known less well.

    Source: the two-way random effects of Owen 2007, doi:10.1214/07-AOAS122, and Satterthwaite
    1946, doi:10.2307/3002019; this combination is this package's, with simulated coverage.
    """
    models, groups = contrast.ratio.models, len(left_out)
    scale = (groups - 1) / groups
    values = np.array([part.value for part in left_out])
    shares = np.array([part.influence(contrast) for part in left_out])
    over_models = contrast.model_variance()
    spread = values - values.mean(0)
    images = scale * (spread**2).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = np.nan_to_num((spread**4).mean(0) / (spread**2).mean(0) ** 2 - 3)
    freedom = 2 / (2 / (groups - 1) + np.maximum(kurtosis, 0) / groups)
    interaction = scale * ((shares - shares.mean(0)) ** 2).sum((0, 2))
    shared = np.maximum(images - interaction, 0) * models / max(models - 1, 1)
    total = over_models + shared
    below = over_models**2 / max(models - 1, 1) + images**2 / freedom
    with np.errstate(invalid="ignore", divide="ignore"):
        df = np.where(below > 0, total**2 / below, models - 1.0)
    return total, np.clip(df, np.minimum(models - 1, freedom), models + groups - 2)


def signed_rank(values: np.ndarray, alternative: str) -> float:
    """Return the p-value of Wilcoxon's signed rank test of symmetry about zero."""
    if not np.isfinite(values).all() or np.allclose(values, 0, atol=_NOTHING):
        return 1.0 if np.isfinite(values).all() else float("nan")
    result: Any = stats.wilcoxon(values, alternative=alternative)
    return float(result.pvalue)


def sign_flip(values: np.ndarray, alternative: str) -> float:
    """Return the p-value of the sign-flip test of symmetry about zero.

    All 2^M flips up to 12 models (the two-sided p-value is then at least 2^-(M-1)), 9,999 random
    ones beyond.
    """
    if not np.isfinite(values).all() or len(values) < 2:
        return float("nan")
    result = stats.permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**_EXACT_FLIPS if len(values) <= _EXACT_FLIPS else 9999,
        alternative=alternative,
        **_seeded(),
    )
    return float(result.pvalue)


def _seeded() -> dict:
    # SciPy renamed the argument in 1.15
    from inspect import signature

    name = "rng" if "rng" in signature(stats.permutation_test).parameters else "random_state"
    return {name: np.random.default_rng(0)}


# in words, and how; Student's t needs no function of its own
TESTS: Mapping[str, tuple[str, Callable[[np.ndarray, str], float] | None]] = {
    "t": ("t test", None),
    "wilcoxon": ("signed-rank test", signed_rank),
    "sign_flip": ("sign-flip test", sign_flip),
}


def adjust(pvalues: np.ndarray, correction: str) -> np.ndarray:
    """Return p-values adjusted for the number of tests; NaN stays and is not counted."""
    adjusted = np.full(len(pvalues), np.nan)
    known = np.isfinite(pvalues)
    adjusted[known] = CORRECTIONS[correction][1](pvalues[known])
    return adjusted


def verdicts(
    adjusted: np.ndarray, deviation: np.ndarray, level: float, models: int
) -> tuple[str, ...]:
    """Return < or > where the adjusted test rejects, ? elsewhere and for too few models."""
    if models < FEWEST_MODELS:
        return ("?",) * len(adjusted)
    return tuple(
        "?" if not p < level else ("<" if value < 0 else ">")
        for p, value in zip(adjusted, deviation, strict=True)
    )


# statsmodels' multipletests gives the same, but collects garbage at every call (0.1 s)
def _holm(pvalues: np.ndarray) -> np.ndarray:
    order = np.argsort(pvalues)
    stepped = pvalues[order] * np.arange(len(pvalues), 0, -1)
    adjusted = np.empty_like(pvalues)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return adjusted


# in words, and how
CORRECTIONS: Mapping[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "holm": ("Holm", _holm),
    "bonferroni": ("Bonferroni", lambda pvalues: np.minimum(1.0, len(pvalues) * pvalues)),
    "bh": ("Benjamini-Hochberg", stats.false_discovery_control),
    "none": ("no", lambda pvalues: pvalues),
}
