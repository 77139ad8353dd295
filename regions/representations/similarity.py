"""The one result type of every measure, and what its status says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SimilarityStatus(StrEnum):
    """What a similarity is worth; `.meaning` says it in a sentence.

    Examples
    --------
    >>> print(SimilarityStatus.OK.meaning)
    The value is what the measure defines.
    """

    OK = "ok"
    FEW_SAMPLES = "few_samples"
    SATURATED = "saturated"
    ILL_CONDITIONED = "ill_conditioned"
    DEGENERATE = "degenerate"
    UNDEFINED = "undefined"

    @property
    def meaning(self) -> str:
        """The status as a sentence: what holds, and what to do."""
        return _MEANING[self]


_MEANING = {
    SimilarityStatus.OK: "The value is what the measure defines.",
    SimilarityStatus.FEW_SAMPLES: (
        "Fewer than 10 samples per neuron: the value is biased upwards; compare it with `null`, "
        "take more samples, or use held-out CCA (regions.cca(X, Y, cv=2))."
    ),
    SimilarityStatus.SATURATED: (
        "The ranks add up to more than n - 1, so that some directions agree perfectly whatever the "
        "data; take more samples."
    ),
    SimilarityStatus.ILL_CONDITIONED: (
        "The layer is too ill-conditioned for second moments alone: coefficients carry errors "
        "above 1e-9; collect with accumulator='tsqr'."
    ),
    SimilarityStatus.DEGENERATE: (
        "A side has no varying neuron (all dead or constant): the similarity is undefined."
    ),
    SimilarityStatus.UNDEFINED: (
        "The measure says nothing of these samples: as many neurons as samples, a debiased "
        "estimate of a layer's own variance that is not positive (single samples hold it), or two "
        "layers that do not have the same samples (positions). Take more samples, or another mode "
        "or measure."
    ),
}


_COUNTS = tuple(
    f"{what}_{side}" for what in ("rank", "neurons", "dead", "constant") for side in "xy"
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Similarity(Result):
    """How similar two representations are, with everything needed to judge the number.

    Attributes
    ----------
    measure : str
        Name of the measure.
    value : float
        The measure's value; for CCA and its relatives the mean over the live rank. Larger is
        more similar, unless `measure` ends in ``_distance``. NaN where it is undefined.
    value_all : float
        The same with all neurons in the denominator: dead and lost directions count as 0. Equal
        to `value` for measures without such a mean.
    coefficients : numpy.ndarray
        Canonical correlations, largest first; empty for measures without them.
    rank_x, rank_y : int
        Directions of each side that entered (SVCCA: those kept by the truncation).
    neurons_x, neurons_y, dead_x, dead_y, constant_x, constant_y : int
        All neurons; those that are 0 on every sample; those that are constant but not 0.
    n : int
        Number of samples (rows).
    null : float
        Expected value if the rows of one side were shuffled: what independence looks like at
        this size. Rows that depend on each other (positions of an image) make it too low.
    status : SimilarityStatus
        OK, FEW_SAMPLES, SATURATED, ILL_CONDITIONED, DEGENERATE or UNDEFINED.
    details : mapping
        What the measure has to say beyond that, such as ``weights`` and ``condition_x``.

    Examples
    --------
    >>> import numpy as np
    >>> import regions
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 4))
    >>> result = regions.cca(X, X @ rng.standard_normal((4, 4)))
    >>> print(result.summary())
    cca = 1.0000 over 4 coefficients (null 0.0732); over all neurons 1.0000
    n = 500; neurons 4 and 4, rank 4 and 4, dead 0 and 0, constant 0 and 0
    ok: The value is what the measure defines.
    """

    measure: str
    value: float
    value_all: float
    n: int
    rank_x: int
    rank_y: int
    neurons_x: int
    neurons_y: int
    dead_x: int
    dead_y: int
    constant_x: int
    constant_y: int
    null: float
    status: SimilarityStatus = SimilarityStatus.OK
    coefficients: np.ndarray = field(default_factory=lambda: np.empty(0))
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        coefficients = np.array(self.coefficients, dtype=float)
        coefficients.flags.writeable = False
        object.__setattr__(self, "coefficients", coefficients)
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))

    @classmethod
    def unknown(cls, measure: str) -> Similarity:
        """Return the result of two layers that do not have the same samples."""
        nan, status = float("nan"), SimilarityStatus.UNDEFINED
        counts: dict[str, Any] = dict.fromkeys(("n", *_COUNTS), 0)
        return cls(measure=measure, value=nan, value_all=nan, null=nan, status=status, **counts)

    @property
    def k(self) -> int:
        """Number of coefficients that `value` averages."""
        return len(self.coefficients)

    def __float__(self) -> float:
        return float(self.value)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-ready; the status as its lower-case word."""
        full = {**self.row(), "coefficients": self.coefficients, "details": self.details}
        return jsonable(full)

    def to_frame(self) -> pd.DataFrame:
        """Return one tidy row, without the coefficients."""
        return pd.DataFrame([self.row()])

    def summary(self) -> str:
        """Return the value, what it is made of, and what its status means, in three lines."""
        over = f" over {self.k} coefficients" if self.k else ""
        return (
            f"{self.measure} = {self.value:.4f}{over} (null {self.null:.4f}); "
            f"over all neurons {self.value_all:.4f}\n"
            f"n = {self.n}; neurons {self.neurons_x} and {self.neurons_y}, "
            f"rank {self.rank_x} and {self.rank_y}, dead {self.dead_x} and {self.dead_y}, "
            f"constant {self.constant_x} and {self.constant_y}\n"
            f"{self.status}: {self.status.meaning}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coefficients, largest first, with their mean and the null value."""
        from regions.representations.plots import plot_coefficients

        return plot_coefficients(self.coefficients, self.measure, self.value, self.null, ax=ax)

    def row(self) -> dict[str, Any]:
        """Return the row of a frame."""
        return {
            "measure": self.measure,
            "value": self.value,
            "value_all": self.value_all,
            "null": self.null,
            "n": self.n,
            "coefficients_averaged": self.k,
            **{name: getattr(self, name) for name in _COUNTS},
            "status": str(self.status),
        }
