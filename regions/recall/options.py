"""How alpha is estimated and tested: the choices of `intensification`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from regions.errors import ArgumentError
from regions.recall.balance import Center, Scale, Weights
from regions.recall.inference import CORRECTIONS, Alternative, Test
from regions.recall.nulls import NULLS

Estimator = Literal["ols", "moments", "split_half", "cross_model"]
Aggregate = Literal["mean", "pooled"]
Population = Literal["test_set", "examples"]

ESTIMATORS = ("ols", "moments", "split_half", "cross_model")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The choices of one analysis; see `intensification`."""

    estimator: Estimator = "moments"
    null: str = "one"
    correction: str = "holm"
    aggregate: Aggregate | None = None
    center: Center = "accuracy"
    weights: Weights | None = None
    population: Population = "test_set"
    alternative: Alternative = "two-sided"
    test: Test = "t"
    confidence_level: float = 0.95
    groups: int = 20
    n_boot: int = 0
    paper: bool = False

    def __post_init__(self) -> None:
        _choice("estimator", self.estimator, ESTIMATORS)
        _choice("null", self.null, NULLS)
        _choice("correction", self.correction, CORRECTIONS)
        _choice("aggregate", self.aggregate, (None, "mean", "pooled"))
        _choice("center", self.center, ("accuracy", "balanced_accuracy"))
        _choice("weights", self.weights, (None, "size", "equal"))
        _choice("population", self.population, ("test_set", "examples"))
        _choice("alternative", self.alternative, ("two-sided", "less", "greater"))
        _choice("test", self.test, ("t", "wilcoxon", "sign_flip"))
        if not 0 < self.confidence_level < 1:
            raise ArgumentError(
                f"confidence_level is {self.confidence_level}; expected a number in (0, 1)"
            )
        if self.groups < 2 or self.n_boot < 0:
            raise ArgumentError("groups must be at least 2 and n_boot at least 0")
        if self.aggregate == "mean" and self.estimator != "ols":
            raise ArgumentError(
                f'aggregate="mean" is only for estimator="ols": single models\' '
                f"{self.estimator} ratios are unstable"
            )
        if self.population == "examples" and self.test != "t":
            raise ArgumentError('population="examples" needs test="t"')

    @property
    def scale(self) -> Scale:
        """Centre and slope weights; by default those for which balances sum to zero."""
        consistent: Weights = "size" if self.center == "accuracy" else "equal"
        return Scale(self.center, self.weights or consistent)

    @property
    def averaged(self) -> bool:
        """Whether alpha is the mean over models (else a ratio of sums)."""
        return self.estimator == "ols" and self.aggregate != "pooled"


PAPER: dict[str, Any] = {
    "estimator": "ols",
    "null": "one",
    "correction": "bonferroni",
    "aggregate": "mean",
    "center": "accuracy",
    "weights": "equal",
    "population": "test_set",
    "alternative": "two-sided",
    "test": "t",
    "confidence_level": 0.99,
    "paper": True,
}


def _choice(name: str, value: Any, allowed: tuple) -> None:
    if value not in allowed:
        raise ArgumentError(f"{name} is {value!r}; choose one of {list(allowed)}")
