"""The rows of an intensification result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from regions.recall.result import IntensificationResult


def frame_of_result(result: IntensificationResult) -> pd.DataFrame:
    """Return one row per ratio: setting, estimate, interval, test, companions, provenance."""
    import pandas as pd

    interval = result.confidence_interval()
    about, options = result.description, result.options
    frame = pd.DataFrame(
        {
            "ratio": result.ratios,
            "estimate": result.estimate,
            "low": interval.low,
            "high": interval.high,
            "null_value": result.null_value,
            "excess": result.excess,
            "standard_error": result.standard_error,
            "statistic": result.statistic,
            "df": result.df,
            "pvalue": result.pvalue,
            "pvalue_adjusted": result.pvalue_adjusted,
            "verdict": result.verdict,
            "effect_size": result.effect_size,
            "alpha_mean": about.alpha_mean,
            "alpha_pooled": about.alpha_pooled,
            "beta_mean": about.beta_mean,
            "r_squared": about.r_squared,
            "dispersion": about.dispersion,
            "dispersion_corrected": about.dispersion_corrected,
            "accuracy_dense": about.accuracy_dense,
            "accuracy_pruned": about.accuracy_pruned,
            "reliability": about.reliability,
            "n_models": result.n_models,
            "n_classes": result.n_classes,
            **{name: getattr(options, name) for name in _CHOICES},
            "aggregate": "mean" if options.averaged else "pooled",
        }
    )
    _insert(frame, "bound", result.bounds)
    if result.bootstrap_interval is not None:
        frame["bootstrap_low"], frame["bootstrap_high"] = result.bootstrap_interval.T
    for name, value in reversed([*result.table.setting.items()]):
        frame.insert(0, name, value)
    return frame


_CHOICES = ("estimator", "null", "population", "test", "alternative", "correction")


def _insert(frame: pd.DataFrame, name: str, bounds: np.ndarray | None) -> None:
    if bounds is not None:
        at = list(frame.columns).index("estimate") + 1
        frame.insert(at, f"{name}_high", bounds.max(0))
        frame.insert(at, f"{name}_independent", bounds[1])
        frame.insert(at, f"{name}_low", bounds.min(0))
