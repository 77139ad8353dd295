"""Where regions are counted: a box of inputs, or a flat slice of the input space.

Examples
--------
>>> from regions.networks import Box, Domain, Slice
>>> isinstance(Box.cube(2, 0.0, 1.0), Domain), isinstance((0, 1), Domain)
(True, False)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from regions.errors import DomainError
from regions.networks.inside import is_bounded, meets_inside
from regions.results import Frozen

_FLATTEST = 1e-12  # of differences made equally long
_FEW = 4  # sides that are written out


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DomainError(f"{name} is no array of numbers ({error}); give finite inputs") from None


def _vector(values: Any, name: str) -> np.ndarray:
    array = _numbers(values, name)
    if array.ndim != 1 or array.size == 0:
        raise DomainError(f"{name} has shape {array.shape}; expected one number per input, (n0,)")
    if np.isnan(array).any():
        raise DomainError(f"{name} holds NaN; give numbers (or infinities for an open side)")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, repr=False)
class Box(Frozen):
    """All inputs x with low <= x <= high, element by element; infinite sides are allowed.

    Parameters
    ----------
    low, high : array of shape (n0,)

    Raises
    ------
    DomainError
        If a side is empty or flat (low >= high), or the shapes differ.

    Examples
    --------
    >>> Box([0, 0], [1, 2]).dimension
    2
    >>> Box.cube(3, -1.0, 1.0).bounded
    True
    """

    low: np.ndarray
    high: np.ndarray

    def __post_init__(self) -> None:
        low, high = _vector(self.low, "low"), _vector(self.high, "high")
        if low.shape != high.shape:
            raise DomainError(f"low has shape {low.shape} and high {high.shape}; they must agree")
        wrong = np.flatnonzero(~(low < high))
        if wrong.size:
            i = int(wrong[0])
            raise DomainError(
                f"the box is empty or flat: low[{i}] = {low[i]:g} is not below high[{i}] = "
                f"{high[i]:g} ({wrong.size} such side(s)); give low < high, or use a Slice"
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def __repr__(self) -> str:
        return f"Box({self.input_size} inputs, {_sides(self.low, self.high)})"

    @classmethod
    def cube(cls, size: int, low: float, high: float) -> Box:
        """Return the box with `size` equal sides [low, high]."""
        return cls(np.full(size, float(low)), np.full(size, float(high)))

    @property
    def input_size(self) -> int:
        """Number of inputs n0."""
        return len(self.low)

    @property
    def dimension(self) -> int:
        """Dimension of the domain: n0."""
        return len(self.low)

    @property
    def bounded(self) -> bool:
        """Whether every side is finite."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @property
    def origin(self) -> np.ndarray:
        """The input at coordinates 0: the zero input."""
        return np.zeros(self.input_size)

    @property
    def basis(self) -> np.ndarray:
        """Rows are the directions of the coordinates: the identity, (n0, n0)."""
        return np.eye(self.input_size)

    def halfspaces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (G, h) with G z <= h for the coordinates z of the domain; finite sides only."""
        identity = np.eye(self.input_size)
        rows, limits = np.vstack([identity, -identity]), np.concatenate([self.high, -self.low])
        keep = np.isfinite(limits)
        return rows[keep], limits[keep]

    def embed(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the inputs at `coordinates`, (rows, n0)."""
        return np.asarray(coordinates, dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {"domain": "box", "dimension": self.dimension, "low": self.low, "high": self.high}


@dataclass(frozen=True, repr=False)
class Slice(Frozen):
    """A segment, line, plane or flat of the input space, all of it or the part inside a box.

    Made by `Slice.through`. Coordinates z are lengths along orthonormal directions: the input is
    x = origin + z @ basis.

    Attributes
    ----------
    origin : array of shape (n0,)
    basis : array of shape (dimension, n0), orthonormal rows
    points : array of shape (dimension + 1, n0)
        The points that span it.
    box : Box or None
    segment : bool
        True for the piece between two points (no box).

    Examples
    --------
    >>> plane = Slice.through([[0, 0, 0], [1, 0, 0], [0, 1, 0]], Box.cube(3, -1.0, 1.0))
    >>> plane.dimension, plane.embed([[0.5, 0.25]]).tolist()
    (2, [[0.5, 0.25, 0.0]])
    """

    origin: np.ndarray
    basis: np.ndarray
    points: np.ndarray
    box: Box | None
    segment: bool

    @classmethod
    def through(cls, points: Any, box: Box | None = None) -> Slice:
        """Return the affine span of `points`, restricted to `box` if one is given.

        Two points without a box give the segment between them.

        Parameters
        ----------
        points : array of shape (S + 1, n0), or (S + 1, *input_shape)
            S + 1 points that span an S-dimensional flat.
        box : Box, optional
            Keeps the part of the whole span inside the box; infinite sides allow the whole span.

        Raises
        ------
        DomainError
            If the points are fewer than two, not finite, coincide, lie on a smaller flat, or if
            the flat misses the inside of the box.

        Examples
        --------
        >>> line = Slice.through([[0.0, 0.0], [3.0, 4.0]])
        >>> line.dimension, line.embed([[2.5]]).round(6).tolist()
        (1, [[1.5, 2.0]])
        """
        array = _numbers(points, "points")
        if array.ndim < 2 or len(array) < 2 or array.size == 0:
            raise DomainError(
                f"points have shape {array.shape}; expected at least two points, (S + 1, n0)"
            )
        array = array.reshape(len(array), -1)
        if not np.isfinite(array).all():
            raise DomainError("points hold NaN or infinite values; give finite inputs")
        basis = _orthonormal(array)
        if basis is None:
            raise DomainError(
                f"{len(array)} points in {array.shape[1]} dimensions do not span a flat of "
                f"dimension {len(array) - 1}: some coincide or lie on a line or plane through the "
                "others; remove or change them"
            )
        if box is not None and box.input_size != array.shape[1]:
            raise DomainError(
                f"points have {array.shape[1]} inputs but the box has {box.input_size}"
            )
        for part in (array, basis):
            part.flags.writeable = False
        flat = cls(array[0], basis, array, box, segment=box is None and len(array) == 2)
        if box is not None and not meets_inside(array, box.low, box.high):
            raise DomainError(
                f"the flat through the {len(array)} points does not meet the inside of the box; "
                "move the points or widen the box"
            )
        return flat

    def __repr__(self) -> str:
        what = "segment" if self.segment else f"flat of dimension {self.dimension}"
        inside = "" if self.box is None else f", inside {_sides(self.box.low, self.box.high)}"
        return (
            f"Slice({what} through {len(self.points)} points of {self.input_size} inputs{inside})"
        )

    @property
    def input_size(self) -> int:
        """Number of inputs n0."""
        return self.basis.shape[1]

    @property
    def dimension(self) -> int:
        """Dimension of the domain."""
        return len(self.basis)

    @cached_property
    def bounded(self) -> bool:
        """Whether the domain is bounded, exactly."""
        if self.segment:
            return True
        return self.box is not None and is_bounded(self.points, self.box.low, self.box.high)

    def halfspaces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (G, h) with G z <= h for the coordinates z of the domain."""
        if self.segment:
            length = float(np.linalg.norm(self.points[1] - self.points[0]))
            return np.array([[1.0], [-1.0]]), np.array([length, 0.0])
        if self.box is None:
            return np.zeros((0, self.dimension)), np.zeros(0)
        rows = np.vstack([self.basis.T, -self.basis.T])
        limits = np.concatenate([self.box.high - self.origin, self.origin - self.box.low])
        moving = (self.points != self.points[0]).any(axis=0)
        cutting = np.isfinite(limits) & np.tile(moving, 2)
        return rows[cutting], limits[cutting]

    def embed(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the inputs at `coordinates` of shape (rows, dimension): (rows, n0)."""
        return self.origin + np.asarray(coordinates, dtype=np.float64) @ self.basis

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        box = None if self.box is None else self.box.to_dict()
        return {"domain": "slice", "dimension": self.dimension, "points": self.points, "box": box}


def _sides(low: np.ndarray, high: np.ndarray) -> str:
    """Return the sides of a box in few words, however many there are."""
    if len(set(zip(low, high, strict=True))) == 1:
        return f"[{low[0]:g}, {high[0]:g}] each"
    if len(low) <= _FEW:
        return " x ".join(f"[{a:g}, {b:g}]" for a, b in zip(low, high, strict=True))
    return f"low {low.min():g} to {low.max():g}, high {high.min():g} to {high.max():g}"


def as_domain(domain: Any, size: int) -> Box | Slice | None:
    """Return a domain of `size` inputs from a Box, a Slice, a pair (low, high), or None.

    Parameters
    ----------
    domain : Box, Slice, pair or None
        Each of low and high is one number for all inputs, or one per input. None is all of the
        input space.

    Raises
    ------
    DomainError
        If it is none of these.

    Examples
    --------
    >>> as_domain((-1, 1), 3)
    Box(3 inputs, [-1, 1] each)
    """
    if domain is None or isinstance(domain, (Box, Slice)):
        return domain
    if not isinstance(domain, (tuple, list)) or len(domain) != 2:
        raise DomainError(
            f"domain is a {type(domain).__name__}; expected a pair (low, high), "
            "regions.Box(low, high), regions.Slice.through(points) or None for the whole input "
            "space"
        )
    sides = [_numbers(side, name) for side, name in zip(domain, ("low", "high"), strict=True)]
    return Box(*(np.full(size, side) if side.ndim == 0 else side for side in sides))


def _orthonormal(points: np.ndarray) -> np.ndarray | None:
    """Return orthonormal rows that span the differences, or None if these are nearly dependent."""
    with np.errstate(over="ignore"):
        directions = points[1:] - points[0]
    # each difference is rounded once, however far away the points are
    sizes = np.abs(directions).max(axis=1, keepdims=True)
    if len(directions) > points.shape[1] or not (np.isfinite(sizes) & (sizes > 0)).all():
        return None
    frame = np.linalg.qr((directions / sizes).T)
    singular = np.linalg.svd(frame.R, compute_uv=False)
    if singular[-1] <= _FLATTEST * singular[0]:
        return None
    # the first coordinate grows from the first point to the second
    return (frame.Q * np.where(np.diag(frame.R) < 0, -1.0, 1.0)).T


Domain = Box | Slice
