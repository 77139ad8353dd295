"""The one result type of every counting engine, and what its status says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from regions.counting.question import DEFINITIONS, Kind
from regions.counting.undecided import Undecided
from regions.errors import ArgumentError
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd

    from regions.networks import Box, Slice


class Status(Enum):
    """What a count is: each member's value is a sentence saying what is known and what to try.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> result = regions.count_regions(net, regions.Box.cube(2, -1.0, 1.0))
    >>> str(result.status), result.status is regions.Status.EXACT
    ('EXACT', True)
    """

    EXACT = (
        "The count is exact: every region of the domain was found, none was counted twice, and "
        "every decision was certified in float64 or settled in exact arithmetic on the weights."
    )
    LOWER_BOUND = (
        "There are at least `lower` regions; the method cannot see the others. "
        "Use method='cells' for the exact count, or method='estimate' for an unbiased estimate."
    )
    ESTIMATE = (
        "`count` is a statistical estimate and `lower` to `upper` its interval "
        "(upper is None where the walks do not support one). Take more walks to narrow it, "
        "or use method='cells' for the exact count."
    )
    UNCERTIFIED = (
        "`count` was found in float64, but so many decisions as `details['doubtful']` says were "
        "closer than its rounding errors (`details['resolution']`), and exact arithmetic on a "
        "network of this size is out of reach: the true number may differ. Count a smaller part "
        "of the domain, or report it with this caveat."
    )
    BOUNDED = (
        "The number lies between `lower` and `upper`: no engine finds it exactly in this "
        "dimension. Report both: they are the numbers for kind='linear' and kind='activation'."
    )
    LIMIT_REACHED = (
        "The run was stopped (time limit, interrupt, memory or lost workers) before all regions "
        "were found; `lower` regions exist. Raise the limit, take more workers with n_jobs, or use "
        "method='estimate'."
    )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Found:
    """What an engine knows when it stops; `count_regions` makes a `RegionCount` of it."""

    status: Status
    lower: int
    count: int | None = None
    upper: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def counted(
        cls, count: int, left: Undecided, stopped_by: str | None = None, **details: Any
    ) -> Found:
        """Return what it means to have found so many regions.

        All of them, unless `stopped_by` ended the count; and only if no decision was `left` to
        float64 do so many exist for certain: else, as a domain is not empty, one.
        """
        known = {**details, **left.details()}
        if stopped_by is not None:
            return cls.cut_short(1 if left.number else max(count, 1), stopped_by, **known)
        if left.number:
            return cls(Status.UNCERTIFIED, 1, count, details=known)
        return cls(Status.EXACT, count, count, count, known)

    @classmethod
    def between(
        cls, lower: int, upper: int, left: Undecided, stopped_by: str | None = None, **details: Any
    ) -> Found:
        """Return that there are at least `lower` and at most `upper` regions."""
        if stopped_by is not None or left.number or lower == upper:
            return cls.counted(lower, left, stopped_by, **details)
        return cls(Status.BOUNDED, lower, None, upper, details)

    @classmethod
    def cut_short(cls, lower: int, stopped_by: str, **details: Any) -> Found:
        """Return that `lower` regions were found before `stopped_by` ended the count."""
        return cls(Status.LIMIT_REACHED, lower, details={**details, "stopped_by": stopped_by})

    def noted(self, **more: Any) -> Found:
        """Return it with more details."""
        return replace(self, details={**self.details, **more})

    def result(self, method: str, **known: Any) -> RegionCount:
        """Return the result of the engine `method`; `known`: seconds, kind and domain."""
        return RegionCount(
            count=self.count,
            lower=self.lower,
            upper=self.upper,
            status=self.status,
            method=method,
            details=self.details,
            **known,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class RegionCount(Result):
    """The number of regions of a ReLU network over a domain, or what is known about it.

    Attributes
    ----------
    count : int or None
        The exact number (status EXACT), the number found in float64 (UNCERTIFIED), the rounded
        estimate (ESTIMATE), or None: a bound is never handed out as a count.
    lower : int
        There are at least so many regions. For ESTIMATE with an interval: its lower end.
    upper : int or None
        There are at most so many regions; for ESTIMATE the upper end of its interval. None if
        nothing is known.
    status : Status
        EXACT, LOWER_BOUND, ESTIMATE, UNCERTIFIED, BOUNDED or LIMIT_REACHED; ``status.value``
        explains it.
    method : str
        The engine that counted.
    seconds : float
        Wall time of the call, without the time that compiling kernels took at their first use.
    kind : {"pattern", "activation", "convex", "linear", "closed", "affine"}
        Which regions were counted; ``definition`` says it in one sentence.
    domain : Box, Slice or None
        Where the regions were counted; None is all of the input space.
    details : mapping
        What the engine has to say beyond that; ``details["stopped_by"]`` is "time",
        "interrupt", "memory" or "workers" (their cluster is gone) for LIMIT_REACHED, and
        ``details["workers"]`` says so if `n_jobs` asked for workers and none was of use.

    Examples
    --------
    >>> from regions.counting import RegionCount, Status
    >>> known = RegionCount(count=None, lower=7, status=Status.LOWER_BOUND, method="sample")
    >>> print(known.summary())
    at least 7 activation regions (sample, LOWER_BOUND, 0.00 s) over the whole input space
    A region is a full-dimensional set of points that share an activation pattern.
    There are at least `lower` regions; the method cannot see the others. \
Use method='cells' for the exact count, or method='estimate' for an unbiased estimate.
    """

    count: int | None
    lower: int
    upper: int | None = None
    status: Status
    method: str
    seconds: float = 0.0
    kind: Kind = "activation"
    domain: Box | Slice | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("count", "lower", "upper"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, int(value))
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))
        if self.status is Status.EXACT and not self.count == self.lower == self.upper:
            raise ArgumentError(
                f"an EXACT count needs count == lower == upper; got {self.count}, {self.lower}, "
                f"{self.upper}"
            )

    def __int__(self) -> int:
        if self.status is not Status.EXACT or self.count is None:
            raise ArgumentError(
                f"this result is {self.status.name}, not EXACT, so it is no integer: "
                f"read .lower, .upper or .count instead ({self._claim()})"
            )
        return self.count

    @property
    def definition(self) -> str:
        """What a region of this kind is, in one sentence."""
        return DEFINITIONS[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; integers above 2**53 become strings."""
        row = {**self._row(), "definition": self.definition}
        return jsonable({**row, "details": dict(self.details)})

    def to_frame(self) -> pd.DataFrame:
        """Return one tidy row: count, lower, upper, status, method, kind, domain, ..., seconds."""
        import pandas as pd

        # object columns: counts are Python ints of any size, and may be missing
        return pd.DataFrame([self._row()], dtype=object).astype({"seconds": float})

    def summary(self) -> str:
        """Return the count, what a region is, and what the status means, in three lines."""
        what = f"{self.method}, {self.status.name}, {self.seconds:.2f} s"
        if "workers" in self.details:
            what += f", {self.details['workers']}"
        return (
            f"{self._claim()} ({what}) over {self._where()}\n{self.definition}\n{self.status.value}"
        )

    def _claim(self) -> str:
        noun = f"{self.kind} region{'s' if (self.count or self.lower) != 1 else ''}"
        if self.status is Status.EXACT:
            return f"{self.count} {noun}"
        if self.status is Status.UNCERTIFIED:
            return f"{self.count} {noun}, not certified"
        if self.status is Status.ESTIMATE:
            upper = "no stated upper end" if self.upper is None else self.upper
            return f"about {self.count} {noun} [{self.lower}, {upper}]"
        if self.status is Status.BOUNDED:
            return f"between {self.lower} and {self.upper} {noun}"
        return f"at least {self.lower} {noun}"

    def _where(self) -> str:
        if self.domain is None:
            return "the whole input space"
        kind = type(self.domain).__name__.lower()
        return f"a {kind} of dimension {self.domain.dimension} in R^{self.domain.input_size}"

    def _row(self) -> dict[str, Any]:
        domain = self.domain
        return {
            "count": self.count,
            "lower": self.lower,
            "upper": self.upper,
            "status": self.status.name,
            "method": self.method,
            "kind": self.kind,
            "domain": "space" if domain is None else type(domain).__name__.lower(),
            "dimension": None if domain is None else int(domain.dimension),
            "input_size": None if domain is None else int(domain.input_size),
            "seconds": float(self.seconds),
        }
