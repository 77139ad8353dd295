"""What an estimator of alpha is: a choice with options that turns counts into ratios of sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.random import Generator
from scipy import stats

from regions.choices import check_name
from regions.errors import ArgumentError
from regions.recall.balance import Scale
from regions.recall.counts import Counts
from regions.recall.predicted import Recalls
from regions.recall.ratio import NOTHING, Ratio

Aggregate = Literal["mean", "pooled"]
Groups = Sequence[Counts]


@dataclass(frozen=True)
class Estimator(ABC):
    """An estimator of alpha: a named choice whose fields are its options.

    Attributes
    ----------
    name, words : str
        The public word for it, and what it is, in a summary.
    corrected : bool
        Whether alpha is that of all images, of which the test images are a sample, and
        measurement noise is taken out; else these images are all there is.
    diluted : bool
        Whether measurement noise makes alpha smaller than that of the true recalls.
    averages : bool
        Whether single models' alphas are stable enough for their mean to be taken.
    least_images : int
        Images of each class that it needs in every group of images.

    Examples
    --------
    >>> from regions.recall import ESTIMATORS
    >>> sorted(ESTIMATORS), ESTIMATORS["ols"]().averaged, ESTIMATORS["moments"]().corrected
    (['cross_model', 'moments', 'ols', 'split_half'], True, True)
    """

    name: ClassVar[str]
    words: ClassVar[str]
    corrected: ClassVar[bool] = False
    diluted: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    least_images: ClassVar[int] = 1

    aggregate: Aggregate | None = None
    """"mean" of the models' alphas (only of ols, and its default) or "pooled" ratio of sums."""

    def __post_init__(self) -> None:
        if self.aggregate is not None:
            check_name("aggregate", self.aggregate, ("mean", "pooled"))
        if self.aggregate == "mean" and not self.averages:
            raise ArgumentError(
                f'aggregate="mean" is only for estimator="ols": single models\' '
                f"{self.name} ratios are unstable"
            )

    @property
    def averaged(self) -> bool:
        """Whether alpha is the mean over models (else a ratio of sums)."""
        return self.averages and self.aggregate != "pooled"

    @abstractmethod
    def ratios(self, groups: Groups, scale: Scale, rng: Generator) -> list[Ratio]:
        """Return alpha of all groups of images together, then without each group."""

    def predicted(self, recalls: Recalls, counts: Counts, scale: Scale) -> Ratio:
        """Return the alpha that a null predicts, made comparable with this estimator's."""
        raise self.incomparable()

    def incomparable(self) -> ArgumentError:
        """Return why nothing that a null says of true recalls compares with this alpha."""
        return ArgumentError(
            f"a null that predicts recalls has no counterpart for estimator {self.name!r}, whose "
            "alpha is diluted by measurement noise while the predicted one is not; use "
            'estimator="moments", "split_half" or "cross_model", or null="one"'
        )

    def limits(self) -> tuple[Estimator, ...]:
        """Return the estimators between which alpha lies where joint correctness is unknown."""
        return ()

    def silent(self, ratio: Ratio) -> tuple[np.ndarray, str]:
        """Return at which ratios the dense recalls say nothing, and why.

        Here: where they do not differ by more than measurement noise, or where two models do not
        tell whether they do.
        """
        share = ratio.denominator if ratio.denominator.ndim == 2 else ratio.denominator.sum(-1)
        half = 0.0
        if ratio.models > 1:
            quantile = stats.t.ppf(0.975, ratio.models - 1)
            half = quantile * share.std(-1, ddof=1) / np.sqrt(ratio.models)
        silent = ~(share.mean(-1) - half > NOTHING)
        reaches = "the 95 % interval of the corrected denominator reaches 0"
        if ratio.models == 2 and (share.min(-1) > NOTHING).all():
            return silent, (
                "two models do not tell whether dense recalls differ by more than measurement "
                f"noise ({reaches}, with one degree of freedom); give at least 3"
            )
        return silent, f"dense recalls do not differ by more than measurement noise ({reaches})"
