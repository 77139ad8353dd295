"""What a measure is: a choice with options that judges a pair, and says what it ignores."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from regions.errors import ArgumentError
from regions.representations.factor import Factor
from regions.representations.layer import Layer
from regions.representations.pair import Pair
from regions.representations.shuffles import peaked, shuffles
from regions.representations.similarity import Similarity, SimilarityStatus

# The transformations of a side's neurons that a measure may ignore, from small to large.
TRANSFORMATIONS = ("shift", "scale", "channel_scale", "orthogonal", "linear")
ORTHOGONAL = frozenset({"shift", "scale", "orthogonal"})
LINEAR = frozenset(TRANSFORMATIONS)


class SampleSizeWarning(UserWarning):
    """There are so few samples per neuron that a similarity is mostly bias.

    Examples
    --------
    >>> import warnings

    >>> import numpy as np
    >>> import regions
    >>> X, Y = np.random.default_rng(0).standard_normal((2, 20, 6))
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     result = regions.cca(X, Y)
    >>> seen[0].category.__name__, str(result.status)
    ('SampleSizeWarning', 'few_samples')
    """


class DegenerateLayerWarning(UserWarning):
    """A layer has no varying neuron, so that its similarity is undefined (NaN).

    Examples
    --------
    >>> import warnings

    >>> import numpy as np
    >>> import regions
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     result = regions.cka(np.zeros((20, 3)), np.eye(20)[:, :3])
    >>> seen[0].category.__name__, result.value
    ('DegenerateLayerWarning', nan)
    """


@dataclass(frozen=True)
class Measure(ABC):
    """A similarity measure: a named choice whose fields are its options.

    Attributes
    ----------
    name : str
        The public word for it.
    invariant_x, invariant_y : frozenset of str
        The transformations of each side's neurons that leave the value unchanged, among
        `TRANSFORMATIONS`: a constant shift per neuron, one positive factor, a factor per neuron,
        an orthogonal map, any invertible linear map.
    symmetric : bool
        Whether exchanging the sides leaves the value unchanged.
    needs_samples : str
        The sides ("", "x" or "xy") that must have fewer neurons than samples; with more the
        measure says nothing.
    needs_lengths : bool
        Whether it needs the samples' squared lengths beside the products of the neurons.
    exact_null : bool
        Whether `independent` is the exact mean over all orders of the samples, whatever they are.
    without_interval : str
        Why a jackknife interval of the measure would not cover; empty where it does.

    Examples
    --------
    >>> from regions.representations import MEASURES
    >>> sorted(MEASURES["cka"].invariant_x)
    ['orthogonal', 'scale', 'shift']
    >>> MEASURES["pwcca"].symmetric
    False
    """

    name: ClassVar[str]
    invariant_x: ClassVar[frozenset[str]] = ORTHOGONAL
    invariant_y: ClassVar[frozenset[str]] = ORTHOGONAL
    symmetric: ClassVar[bool] = True
    needs_samples: ClassVar[str] = ""
    needs_lengths: ClassVar[bool] = False
    exact_null: ClassVar[bool] = False
    without_interval: ClassVar[str] = ""

    def __call__(self, pair: Pair, **options: Any) -> Similarity:
        """Return the similarity of one pair; NaN with a status where it is undefined."""
        if options:
            return replace(self, **options)(pair)
        hindrance = self._hindrance(pair)
        if hindrance is not None:
            return undefined(pair, self.name, hindrance)
        found = self.similarity(pair)
        return replace(found, null=self._null(pair, found))

    def value(self, pair: Pair) -> float:
        """Return the value alone, NaN where it is undefined: for many pairs of one kind."""
        return float("nan") if self._hindrance(pair) else self.similarity(pair).value

    @abstractmethod
    def similarity(self, pair: Pair) -> Similarity:
        """Return the similarity of a pair that the measure can judge, without its null."""

    @abstractmethod
    def independent(self, pair: Pair, found: Similarity) -> float:
        """Return the expected value of two independent layers of these sizes and variances."""

    def _hindrance(self, pair: Pair) -> SimilarityStatus | None:
        if pair.degenerate:
            return SimilarityStatus.DEGENERATE
        crowded = any(getattr(pair, side).crowded for side in self.needs_samples)
        return SimilarityStatus.UNDEFINED if crowded else None

    def _null(self, pair: Pair, found: Similarity) -> float:
        if self.exact_null or not peaked(pair):
            return self.independent(pair, found)
        return float(np.mean([self.similarity(other).value for other in shuffles(pair)]))


def judge(measure: Measure, pair: Pair) -> Similarity:
    """Return the similarity of one pair as the public functions do: with errors and warnings."""
    for side in measure.needs_samples:
        if getattr(pair, side).crowded:
            _refuse_few_samples(getattr(pair, side), side.upper(), measure.name)
    result = measure(pair)
    _warn_about(result)
    return result


def _refuse_few_samples(layer: Layer, side: str, name: str) -> None:
    live = len(layer.live)
    if layer.neurons > layer.n:
        raise ArgumentError(
            f"{side} has {layer.n} samples (rows) and {layer.neurons} neurons (columns): fewer "
            f"samples than neurons. If samples are in columns pass {side}.T; otherwise {name} "
            "is 1 whatever the data: take more samples, or use cka or procrustes"
        )
    raise ArgumentError(
        f"{side} has {live} live neurons and {layer.n} samples; {name} needs at least "
        f"{live + 2} samples (at least {10 * live} to be informative), because with fewer "
        "it is 1 whatever the data"
    )


def _warn_about(result: Similarity) -> None:
    if result.status is SimilarityStatus.DEGENERATE:
        warnings.warn(
            f"{result.measure} is NaN: of {result.neurons_x} and {result.neurons_y} neurons "
            f"{result.dead_x} and {result.dead_y} are dead and {result.constant_x} and "
            f"{result.constant_y} constant, so that a side has none that varies",
            DegenerateLayerWarning,
            stacklevel=4,
        )
    if result.status is SimilarityStatus.UNDEFINED:
        warnings.warn(
            f"{result.measure} is NaN: {result.status.meaning}", SampleSizeWarning, stacklevel=4
        )
    if result.status in (SimilarityStatus.FEW_SAMPLES, SimilarityStatus.SATURATED):
        warnings.warn(
            f"{result.n} samples for {max(result.rank_x, result.rank_y)} directions: independent "
            f"layers would score {result.measure} = {result.null:.3f}. {result.status.meaning}",
            SampleSizeWarning,
            stacklevel=4,
        )


def result_of(pair: Pair, name: str, value: float, **fields: Any) -> Similarity:
    """Return a result with what every measure says of a pair, unless `fields` say otherwise."""
    x, y = pair.x, pair.y
    usual: dict[str, Any] = {
        "value_all": value,
        "null": float("nan"),
        "n": pair.n,
        "rank_x": min(len(x.live), pair.n - 1),
        "rank_y": min(len(y.live), pair.n - 1),
        "neurons_x": x.neurons,
        "neurons_y": y.neurons,
        "dead_x": len(x.dead),
        "dead_y": len(y.dead),
        "constant_x": len(x.constant),
        "constant_y": len(y.constant),
    }
    return Similarity(measure=name, value=value, **{**usual, **fields})


def undefined(pair: Pair, name: str, status: SimilarityStatus) -> Similarity:
    """Return the NaN result of a pair that the measure cannot judge."""
    nan, ranks = float("nan"), {"rank_x": len(pair.x.live), "rank_y": len(pair.y.live)}
    return result_of(pair, name, nan, status=status, **ranks)


def sample_status(pair: Pair, factor_x: Factor, factor_y: Factor) -> SimilarityStatus:
    """Return what the numbers of samples and the conditioning allow to say."""
    if not (factor_x.reliable and factor_y.reliable):
        return SimilarityStatus.ILL_CONDITIONED
    if factor_x.rank + factor_y.rank > pair.n - 1:
        return SimilarityStatus.SATURATED
    few = pair.n < 10 * max(len(pair.x.live), len(pair.y.live))
    return SimilarityStatus.FEW_SAMPLES if few else SimilarityStatus.OK
