"""How alpha is estimated and tested: the choices of `intensification`, checked.

Examples
--------
>>> from regions.recall import ESTIMATORS
>>> list(ESTIMATORS)
['moments', 'ols', 'split_half', 'cross_model']
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args

from regions.arguments import check_confidence, check_flag, check_whole
from regions.choices import check_name, choose, options_of
from regions.errors import ArgumentError
from regions.recall.balance import Center, Scale, Weights
from regions.recall.cross_model import CrossModel
from regions.recall.estimator import Estimator
from regions.recall.inference import ALTERNATIVES, CORRECTIONS, TESTS
from regions.recall.moments import Moments
from regions.recall.nulls import NULLS, Null, One
from regions.recall.ols import OLS
from regions.recall.split_half import SplitHalf

ESTIMATORS: Mapping[str, type[Estimator]] = {
    estimator.name: estimator for estimator in (Moments, OLS, SplitHalf, CrossModel)
}
# in words, of whom a result speaks: what its intervals cover
POPULATIONS = {
    "test_set": "further training seeds on these same test images",
    "examples": "further training seeds and new test images",
    "independent": "further training seeds, each measured on new test images of its own",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The choices of one analysis; see `intensification`."""

    estimator: Estimator = field(default_factory=Moments)
    null: Null = field(default_factory=One)
    correction: str = "holm"
    center: Center = "accuracy"
    weights: Weights | None = None
    population: str | None = None
    alternative: str = "two-sided"
    test: str = "t"
    confidence_level: float = 0.95
    groups: int | None = None
    n_boot: int = 0
    paper: bool = False

    def __post_init__(self) -> None:
        check_name("correction", self.correction, CORRECTIONS)
        check_name("center", self.center, get_args(Center))
        if self.weights is not None:
            check_name("weights", self.weights, get_args(Weights))
        if self.population is not None:
            check_name("population", self.population, POPULATIONS)
        if self.population == "test_set" and self.estimator.corrected:
            raise ArgumentError(
                f'population="test_set" takes the test images as all there is, so estimator '
                f"{self.estimator.name!r} has no measurement noise to correct; use estimator="
                '"ols" or "cross_model", or population="examples"'
            )
        check_name("alternative", self.alternative, ALTERNATIVES)
        check_name("test", self.test, TESTS)
        check_confidence(self.confidence_level, "confidence_level")
        if self.groups is not None:
            check_whole(self.groups, "groups", 2)
        check_whole(self.n_boot, "n_boot", 0, 10**7)
        check_flag(self.paper, "paper")
        if self.population == "examples" and self.test != "t":
            raise ArgumentError('population="examples" needs test="t"')

    @classmethod
    def of(cls, **given: Any) -> Options:
        """Return the options in which estimator and null are named or given, with their fields."""
        own = {name: given.pop(name) for name in options_of(cls) if name in given}
        own["estimator"] = choose(
            "estimator",
            own.get("estimator", "moments"),
            ESTIMATORS,
            given,
            beside=[name for name in options_of(cls) if name not in ("estimator", "null", "paper")],
            base=Estimator,
        )
        own["null"] = choose("null", own.get("null", "one"), NULLS, base=Null)
        return cls(**own)

    @classmethod
    def for_verb(cls, verb: str, unused: Collection[str], **given: Any) -> Options:
        """Return the options of a verb that has no use for some of them, and refuses these."""
        refused = sorted({*unused, "paper"} & set(given))
        if refused:
            raise ArgumentError(f"{verb} has no option {refused[0]!r}")
        return cls.of(**given)

    def to_dict(self) -> dict[str, Any]:
        """Return the choices by name, flat."""
        named = {"estimator": self.estimator.name, "null": self.null.name}
        named |= {"correction": self.correction, **vars(self.estimator)}
        return named | {f.name: getattr(self, f.name) for f in fields(self) if f.name not in named}

    def settled(self, images_known: bool) -> Options:
        """Return the options with a population, by default the one of which alpha speaks.

        That of an uncorrected slope is these test images; that of a corrected one is new images,
        whose error can be told only from predictions, image by image.
        """
        if self.population is not None:
            return self
        fixed, sampled = not self.estimator.corrected, images_known and self.test == "t"
        name = "test_set" if fixed else "examples" if sampled else "independent"
        return replace(self, population=name)

    @property
    def error_rate(self) -> float:
        """The level of the verdicts: what an adjusted p has to be below."""
        return PAPER_ERROR_RATE if self.paper else 1 - self.confidence_level

    @property
    def scale(self) -> Scale:
        """Centre and slope weights; by default those for which balances sum to zero."""
        consistent: Weights = "size" if self.center == "accuracy" else "equal"
        return Scale(self.center, self.weights or consistent)


PAPER_FAMILY = 5  # ratios in the published family of tests
PAPER_ERROR_RATE = 0.05  # of all of them together
PAPER: Mapping[str, Any] = {
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
