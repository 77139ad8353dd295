"""Results in words: what was tested, on what, against what, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regions.recall.result import IntensificationResult

ESTIMATOR = {
    "ols": "ols (published slope through the origin, not corrected for measurement noise)",
    "moments": "moments (slope corrected for measurement noise)",
    "split_half": "split_half (dense and pruned recalls from different halves of the images)",
    "cross_model": "cross_model (dense and pruned recalls from different models)",
}
POPULATION = {
    "test_set": "further training seeds on these same test images",
    "examples": "further training seeds and new test images",
}
NULL = {
    "one": "alpha = 1",
    "proportional": "alpha = 1, all recalls shrinking by one factor",
    "additive": "alpha if all classes lost the same recall",
    "logit_shift": "alpha if all classes lost the same log-odds",
    "flips": "alpha if the same share of all predictions were replaced by guesses",
    "control": "alpha of the control arm, trained further without pruning",
}
_TEST = {"t": "t test", "wilcoxon": "signed-rank test", "sign_flip": "sign-flip test"}
_CORRECTION = {"holm": "Holm", "bh": "Benjamini-Hochberg", "bonferroni": "Bonferroni", "none": "no"}
_VERDICT = {"<": "below", ">": "above", "?": "not separable from"}


def summary_of(result: IntensificationResult) -> str:
    """Return one line per ratio, then the basis of the numbers, then warnings."""
    lines = [f"Recall intensification: {_about(result)}", *_rows(result), *_basis(result)]
    return "\n".join([*lines, *(f"Note: {note}" for note in result.warnings)])


def _about(result: IntensificationResult) -> str:
    setting = ", ".join(f"{key} {value}" for key, value in result.table.setting.items())
    size = f"{result.n_models} models, {result.n_classes} classes"
    return f"{setting}; {size}" if setting else size


def _rows(result: IntensificationResult) -> list[str]:
    interval = result.confidence_interval()
    rows = []
    for index, ratio in enumerate(result.ratios):
        value = result.estimate[index]
        shown = f"{value:.4f}" if np.isfinite(value) else "unknown"
        if result.bounds is not None and np.isfinite(result.bounds[:, index]).all():
            bounds = result.bounds[:, index]
            shown = f"between {bounds.min():.4f} and {bounds.max():.4f}"
        rows.append(
            f"  ratio {ratio:g}: alpha {shown} [{interval.low[index]:.4f}, "
            f"{interval.high[index]:.4f}], null {result.null_value[index]:.4f}, "
            f"adjusted p {result.pvalue_adjusted[index]:.2g}: {result.verdict[index]} "
            f"({_VERDICT[result.verdict[index]]} the null)"
        )
    return rows


def _basis(result: IntensificationResult) -> list[str]:
    options = result.options
    how = "mean over models" if options.averaged else "ratio of sums over models"
    return [
        f"Sample unit: one trained model. Population: {POPULATION[options.population]}.",
        f"Estimator: {ESTIMATOR[options.estimator]}, {how}. Null: {NULL[options.null]}.",
        f"Test: {_TEST[options.test]}, {options.alternative}; intervals "
        f"{options.confidence_level:.4g}; {_CORRECTION[options.correction]} correction over "
        f"{max(len(result.ratios), 5) if options.paper else len(result.ratios)} ratios.",
        f"Reliability of the dense balances: {result.reliability:.3f}.",
        "Pairing: each pruned network with its own dense network; all ratios share the dense "
        "networks.",
    ]
