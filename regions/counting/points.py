"""Points of a domain and the activation patterns there, certified or settled exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from regions.counting.effort import Effort
from regions.counting.exact.forms import Forms, Place
from regions.counting.exact.rounding import UNIT, Rounding
from regions.counting.question import Question
from regions.counting.tree.frame import Frame, frame_of
from regions.counting.tree.halfspaces import Halfspaces
from regions.counting.tree.settle import floats
from regions.errors import ArgumentError, DomainError
from regions.exact.scaled import Scaled
from regions.networks import Box, ReLUNetwork, Slice
from regions.networks.pieces import Pieces

_AT_ONCE, _VALUES = 4096, 2**22
_STEPS = 64
_TRIES = 3
_MOVED = 2.0**-17
_FEW = 64  # dimensions in which a unit's whole form is worth its time


@dataclass(frozen=True, eq=False)
class Points:
    """Points of one domain, in its own coordinates: inputs, or multiples of a slice's differences.

    A point is the exact place of its float64 coordinates, so on a slice it lies on the slice.
    """

    net: ReLUNetwork
    domain: Box | Slice | None
    effort: Effort = field(default_factory=Effort)

    @classmethod
    def of(cls, question: Question, effort: Effort) -> Points:
        """Return the points of a question's domain; the effort's clock is looked at."""
        return cls(question.net, question.domain, effort)

    @cached_property
    def at_once(self) -> int:
        """How many points are pushed through the network together: a second's work at most."""
        size = sum(step.size for step in self.net.graph.steps)
        return int(np.clip(_VALUES // max(size, len(self.place.numbers)), 1, _AT_ONCE))

    @cached_property
    def place(self) -> Place:
        """The domain, exactly."""
        return Place.of(self.domain, self.net.input_size)

    @cached_property
    def forms(self) -> Forms:
        """The network's units, exactly."""
        return Forms(self.net, self.place)

    @cached_property
    def pieces(self) -> Pieces:
        """The pieces of the network's units."""
        return Pieces(self.net.graph)

    @cached_property
    def rounding(self) -> Rounding:
        """How far values in float64 can be off."""
        return Rounding(self.net, -(10**6))

    def given(self, points: Any) -> np.ndarray:
        """Return the coordinates of inputs (m, n0) or (m, *input_shape); all must lie inside."""
        size = self.net.input_size
        expected = f"expected finite inputs, (m, {size}) or (m, *{self.net.input_shape})"
        try:
            inputs = np.asarray(points, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"points are no array of numbers ({error}); {expected}") from None
        if inputs.ndim < 2 or prod(inputs.shape[1:]) != size or not np.isfinite(inputs).all():
            raise ArgumentError(f"points have shape {inputs.shape}; {expected}")
        inputs, domain = inputs.reshape(len(inputs), -1), self.domain
        if domain is None:
            return inputs
        lengths = (inputs - domain.origin) @ domain.basis.T
        rows, limits = domain.halfspaces()
        slack = 1e-9 * (1.0 + np.abs(inputs).max(initial=0.0))
        off = np.abs(domain.embed(lengths) - inputs).max(axis=1) > slack
        off |= (lengths @ rows.T > limits + slack).any(axis=1)
        if off.any():
            raise ArgumentError(
                f"{int(off.sum())} of {len(inputs)} points lie outside the domain; drop them, or "
                "widen the domain"
            )
        if isinstance(domain, Box):
            return np.clip(inputs, domain.low, domain.high)
        turn = (domain.points[1:] - domain.points[0]) @ domain.basis.T
        return np.linalg.solve(turn.T, lengths.T).T

    def drawn(self, samples: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield batches of points drawn uniformly from a bounded domain (slices: hit and run)."""
        frame = frame_of(self.net, self.domain, self.effort.check)
        if not frame.bounded:
            raise DomainError(
                "points cannot be drawn uniformly from an unbounded domain; give a Box or a Slice "
                "in a box, or points="
            )
        chain = None
        for start in range(0, samples, self.at_once):
            size = min(self.at_once, samples - start)
            if len(frame.rows) == 0:
                y = generator.uniform(frame.low, frame.high, (size, frame.dimension))
            else:
                chain = self._hit_and_run(frame, chain, size, generator)
                y = chain[:size]
            own = frame.center + y @ frame.axes
            if isinstance(self.domain, Box):
                own = np.clip(own, self.domain.low, self.domain.high)
            yield own

    def patterns(self, own: np.ndarray, generator: np.random.Generator) -> list[bytes]:
        """Return names of the patterns of the regions in which points lie.

        Points on a boundary, or outside by rounding, are moved a little towards other points, and
        dropped if that does not help: each pattern is that of a full-dimensional region.
        """
        found: list[bytes] = []
        for attempt in range(_TRIES + 1):
            bits, doubtful = self._certified(own)
            outside = self._outside(own)
            left = np.flatnonzero(outside).tolist()
            for row in np.flatnonzero(doubtful & ~outside):
                exact = self._settled(own[row])
                if exact is None:
                    left.append(int(row))
                else:
                    bits[row] = exact
            kept = np.setdiff1d(np.arange(len(own)), left)
            found += (
                self.pieces.names(bits[kept])
                if self.pieces.maxima
                else (row.tobytes() for row in np.packbits(bits[kept], axis=1))
            )
            if not left or attempt == _TRIES:
                return found
            own = self._moved(own, np.array(left), generator)
        return found

    def pattern_at(self, own: np.ndarray) -> np.ndarray | None:
        """Return the pattern of the region around one point; None outside or on a boundary."""
        return None if self._outside(own[None])[0] else self._settled(own)

    def _certified(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return patterns, and which points have a unit whose sign float64 does not certify."""
        net, rows = self.net, np.ones(len(own))
        inputs, errors = self._inputs(own)
        state, errors = net.start(inputs), net.start(errors)
        found, doubtful = [np.zeros((len(own), 0), dtype=bool)], np.zeros(len(own), dtype=bool)
        for layer in range(len(net.relu_layers)):
            self.effort.check()
            sizes = state.map(np.abs)
            bounds, errors = self.rounding.advance(errors, sizes, layer, rows)
            values, state = net.advance(state, layer)
            # without any term that is not zero, a unit is zero all around the point
            doubtful |= (~(np.abs(values) > bounds) & ((bounds != 0) | (values != 0))).any(axis=1)
            found.append(values > 0)
            slopes = net.slopes(layer, found[-1])
            state = net.activate(state, layer, slopes)
            errors = net.activate(errors, layer, np.abs(slopes))
        return np.hstack(found), doubtful

    def _outside(self, own: np.ndarray) -> np.ndarray:
        """Return which points lie outside of the domain, exactly."""
        outside = np.zeros(len(own), dtype=bool)
        if not isinstance(self.domain, Slice):
            return outside  # points of boxes are clipped
        sides, d = self.place.rows, own.shape[1]
        rows = sides.floats()
        values = own @ rows[:, :d].T + rows[:, d]
        sizes = np.abs(own) @ np.abs(rows[:, :d]).T + np.abs(rows[:, d])
        doubtful = ~(values > (d + 4) * UNIT * sizes + 1e-300)
        for row in np.flatnonzero(doubtful.any(axis=1)):
            self.effort.check()
            some = np.flatnonzero(doubtful[row])
            exact = sides[some] @ Scaled.of(np.append(own[row], 1.0))
            outside[row] = any(number < 0 for number in exact.ints)
        return outside

    def _inputs(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs at own coordinates, and how far float64 is off."""
        if not isinstance(self.domain, Slice):
            return own, np.zeros(own.shape)
        start, directions = self.place.start.floats(), self.place.directions.floats()
        sizes = np.abs(own) @ np.abs(directions) + np.abs(start)
        return own @ directions + start, (len(directions) + 4) * UNIT * sizes + 1e-300

    def _settled(self, own: np.ndarray) -> np.ndarray | None:
        """Return the pattern at one point in exact arithmetic, or None on a boundary."""
        place, coordinates = self.place, Scaled.of(own)
        start = coordinates
        if isinstance(self.domain, Slice):
            start = place.start + coordinates @ place.directions
        nowhere = Scaled(np.zeros((0, self.net.input_size), dtype=object))
        here = self.forms.over(Place(start.reduced(), nowhere))
        active = np.zeros(int(here.first[-1]), dtype=bool)
        around = self.forms if len(own) <= _FEW else None
        for layer in range(len(self.net.relu_layers)):
            self.effort.check()
            for unit, (value,) in enumerate(here.units(layer, active)):
                index = int(here.first[layer]) + unit
                active[index] = value > 0
                if value == 0 and (around is None or any(around.unit(index, active))):
                    return None
        return active

    def _moved(
        self, own: np.ndarray, rows: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Return points moved a little towards others: the domain is convex, so they stay in it."""
        others = own[generator.integers(len(own), size=len(rows))]
        if self.domain is None:
            size = max(float(np.abs(own).max()), 1.0)
            others = own[rows] + size * generator.standard_normal((len(rows), own.shape[1]))
        elif len(own) == len(rows):
            inner = frame_of(self.net, self.domain, self.effort.check)
            if inner.bounded:
                low, high = inner.low, inner.high
                y = generator.uniform(low, high, (len(rows), inner.dimension))
                others = inner.center + y @ inner.axes if len(inner.rows) == 0 else others
        share = _MOVED * generator.random((len(rows), 1))
        return own[rows] + share * (others - own[rows])

    def _hit_and_run(
        self, frame: Frame, chain, size: int, generator: np.random.Generator
    ) -> np.ndarray:
        """Move all points along random chords of the polytope (they start at its centre)."""
        d = frame.dimension
        if chain is None:
            root = Halfspaces(frame, self.effort).root()
            inner = floats(root.inner[0]) if np.isnan(root.points).any() else root.points[0]
            chain = np.repeat(inner[None], size, axis=0)
        identity = np.eye(d)
        normals = np.vstack([frame.rows[:, :d], identity, -identity])
        offsets = np.concatenate([frame.rows[:, d], -frame.low, frame.high])
        for _ in range(_STEPS):
            self.effort.check()
            direction = generator.standard_normal(chain.shape)
            rates, room = direction @ normals.T, np.maximum(chain @ normals.T + offsets, 0.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                limits = -room / rates
            ahead = np.where(rates < 0, limits, np.inf).min(axis=1)
            back = np.where(rates > 0, limits, -np.inf).max(axis=1)
            chain = chain + generator.uniform(back, ahead)[:, None] * direction
        return chain
