"""How far values and slopes along a piece may be from the exact ones: what every layer adds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.dense import dense_layer, is_dense
from regions.counting.exact.rounding import UNIT, absolute
from regions.counting.line import kink_kernel
from regions.counting.line.bend_kernel import Straight
from regions.counting.line.crossings import Crossings, Settler
from regions.counting.line.ellipsoids import Ellipsoids
from regions.counting.line.kinks import Kinks, Segments
from regions.counting.line.pieces import Piece, Pushed
from regions.networks import ReLUNetwork

_DEEP, _NARROW = 5, 128  # layers and units of chains whose errors are bounded together
_TOGETHER = 1e4  # share of what a layer rounds at which errors are bounded together
RESOLUTION = 1e-12  # of what is added up, where errors cannot be bounded so closely
MORE = 1.001  # bounds are computed in float64 themselves
LEAST = 1e-300  # what may be lost where numbers are too small for float64


class Errors:
    """Bounds of the errors of one network's values (and of slopes, if outputs are wanted)."""

    def __init__(self, net: ReLUNetwork, outputs: bool, settler: Settler) -> None:
        self.net, self.outputs, self.settler = net, outputs, settler
        self.segments, self.twin = Segments(net), Segments(absolute(net))
        layers, widest = len(net.relu_layers), max(net.widths[1:])
        self.deep = layers >= _DEEP and widest <= _NARROW and is_dense(net)

    def rounding(self, piece: Piece) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return what a segment adds to the errors, as values that go into it.

        That is, for every value: of values; the most that kinks move values (no error); of slopes,
        if outputs are wanted. And what biases are multiplied by in each.
        """
        share, span = self.segments.rounding(piece.layer), piece.span
        rows = {}
        for name, kinks in piece.values.items():
            ends = np.abs(piece.ends[name]).max(axis=0)
            everyone = np.ones(ends.size, np.bool_)
            high, total = kink_kernel.sizes(kinks, piece.heights, everyone)
            kinds = [share * (ends.ravel() + high), high]
            if self.outputs:
                kinds.append(share * (2 * ends.ravel() / span + total))
            rows[name] = np.stack(kinds).reshape(-1, *ends.shape)
        return rows, np.array([share, 0.0, 2 * share / span][: 2 + self.outputs])

    def with_errors(self, made: np.ndarray, piece: Piece, name: str) -> np.ndarray:
        """Return the errors that go into a segment, with what it adds.

        Where exact arithmetic is out of reach, they are cut: then float64 decides what is farther
        from zero than the resolution, and the count is not certified.
        """
        rows = made.copy()
        rows[0] += piece.errors[name].reshape(rows.shape[1:])
        if name in piece.tilts:
            rows[2] += piece.tilts[name].reshape(rows.shape[1:])
        if self.settler.reaches:
            return rows
        most = made * (RESOLUTION / self.segments.rounding(piece.layer))
        most[1] = np.inf
        self.settler.certified &= bool((rows <= most).all())
        return np.minimum(rows, most)

    def together(
        self,
        piece: Piece,
        made: dict[str, np.ndarray],
        homogeneous: np.ndarray,
        errors: dict[str, np.ndarray],
        tilts: dict[str, np.ndarray],
    ) -> Ellipsoids | None:
        """Bound the errors of the layer's units together, in a deep and narrow chain."""
        layer, end, kinds = piece.layer, self.segments.end(piece.layer), [0, 2][: 1 + self.outputs]
        if not self.deep:
            return None
        if piece.together is None:
            # until errors are that large, bounds of single units do, and cost less
            if errors[end].max() < _TOGETHER * max(np.abs(row[0]).max() for row in made.values()):
                return None
            alone = np.stack([errors[end], tilts[end]] if self.outputs else [errors[end]])
            return Ellipsoids.of(alone, len(piece.knots))
        rounding = self.twin.bounds(made, layer, homogeneous)[end].reshape(len(homogeneous), -1)
        weight, _, off, _ = dense_layer(self.net, layer, lambda: None)
        if off.any():  # products of several steps' weights, which are rounded themselves
            return None
        found = piece.together.through(weight, MORE * rounding[kinds] + LEAST)
        for bounds, sizes in zip((errors, tilts), found.bounds, strict=False):
            bounds[end] = np.fmin(bounds[end], MORE * sizes + LEAST)
        return found

    def sharpen(
        self,
        piece: Piece,
        rows: dict[str, np.ndarray],
        homogeneous: np.ndarray,
        units: np.ndarray,
        bounds: tuple[dict[str, np.ndarray], dict[str, np.ndarray]],
    ) -> None:
        """Bound the errors of some units of the layer term by term."""
        if not self.segments.has_norms(piece.layer):
            return
        kept = [0, 2][: 1 + self.outputs]
        sizes = {
            name: Kinks.of(row[kept].reshape(len(kept), -1).T.copy(), row.shape[1:])
            for name, row in rows.items()
        }
        pushed = self.twin.push(sizes, piece.layer, units, len(kept), homogeneous[kept])
        end, chosen = self.segments.end(piece.layer), np.flatnonzero(units)
        terms = MORE * kink_kernel.rows_of(pushed[end], chosen, len(kept)) + LEAST
        for column, bound in enumerate(bounds[: len(kept)]):
            bound[end][chosen] = terms[:, column]

    def added(
        self, piece: Pushed, straight: Straight, flips: Flipped, wrong: np.ndarray
    ) -> np.ndarray:
        """Return what a ReLU layer adds to the errors of values and of slopes, (kinds, units).

        Where a unit is bent its value should be zero, and is as small as rounding leaves it; all
        along it may have the wrong sign where it was in doubt.
        """
        slope, units, span = (
            abs(self.net.relu_layers[piece.layer].slope),
            piece.doubtful,
            piece.span,
        )
        zero = flips.values + (straight.rounded + 16 * UNIT * straight.steepest)[flips.unit]
        zero = np.bincount(flips.unit, zero, minlength=len(units))
        more = (1 + slope) * (2 * zero + wrong)
        added = np.zeros((1 + self.outputs, len(piece.positive)))
        added[:, units] = np.stack([more, 5 * more / span])[: len(added)]
        if slope not in (0.0, 1.0):  # then the product is rounded
            ends = np.abs(piece.ends[piece.end]).reshape(2, -1).max(axis=0)
            everyone = np.ones(len(ends), np.bool_)
            high, total = kink_kernel.sizes(piece.values[piece.end], piece.heights, everyone)
            sizes = np.stack([ends + high, 2 * ends / span + total])[: len(added)]
            added += 4 * UNIT * slope * sizes
        return added

    def bent_together(
        self,
        piece: Pushed,
        straight: Straight,
        found: Crossings,
        active: np.ndarray,
        added: np.ndarray,
    ) -> Ellipsoids:
        """Return the errors together behind a ReLU layer."""
        knots, slope = found.knots, self.net.relu_layers[piece.layer].slope
        assert piece.together is not None
        errors = piece.together.split(np.flatnonzero(~found.fresh), len(knots))
        starts, edges = errors.edges[:-1], knots.places[errors.edges]
        on = np.logical_and.reduceat(active, starts, axis=1)
        mixed = on != np.logical_or.reduceat(active, starts, axis=1)
        flips = Flipped.of(straight, found, active)
        place, spread = knots.places[flips.knot], knots.errors[flips.knot]
        # next to a knot whose place is known, a unit that switches there is almost zero
        known = (spread <= 8 * UNIT) & np.isin(flips.knot, errors.edges)
        near = np.where(known, flips.steepness(piece, straight) * spread, 0.0)
        box = added.copy()
        box[0, piece.doubtful] += np.bincount(
            flips.unit, (1 + abs(slope)) * near, minlength=len(piece.doubtful)
        )
        # elsewhere it also switches in the blocks that its knot may belong to
        low = np.searchsorted(edges, place - spread, side="left") - 1
        high = np.searchsorted(edges, place + spread, side="right") - 1
        sure = np.isfinite(spread)
        low = np.where(sure, np.maximum(low, 0), 0)[~known]
        high = np.where(sure, np.minimum(high, len(starts) - 1), len(starts) - 1)[~known]
        for step in range(int((high - low).max(initial=-1)) + 1):
            mixed[flips.unit[~known], np.minimum(low + step, high)] = True
        multipliers = np.tile(self.net.slopes(piece.layer, piece.positive), (len(starts), 1))
        sides = np.where(mixed, (1 + slope) / 2, np.where(on, 1.0, slope))
        multipliers[:, piece.doubtful] = sides.T
        half = np.zeros_like(multipliers)
        half[:, piece.doubtful] = mixed.T * (abs(1 - slope) / 2)
        return errors.behind(errors.edges, multipliers, half, box)


class Flipped(NamedTuple):
    """Where units of a layer switch: the unit among the doubtful ones, and the knot.

    `gap` is the old gap before it, and `values` the values there, which should be zero.
    """

    unit: np.ndarray
    knot: np.ndarray
    gap: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, straight: Straight, found: Crossings, active: np.ndarray) -> Flipped:
        """Return where the activations change."""
        unit, before = np.nonzero(active[:, 1:] != active[:, :-1])
        gap, places = found.left[before], found.knots.places
        share = (places[before + 1] - places[0]) / (places[-1] - places[0])
        first, last = straight.at_first[unit, gap], straight.at_last[unit, gap]
        return cls(unit, before + 1, gap, np.abs((1 - share) * first + share * last))

    def steepness(self, piece: Pushed, straight: Straight) -> np.ndarray:
        """Return bounds of the units' exact slopes on both sides."""
        knots, steepest = piece.knots, np.zeros(len(self.unit))
        room = np.diff(knots.places) - knots.errors[1:] - knots.errors[:-1]
        error = 2 * (piece.close + straight.rounded)[self.unit]
        for gap in (self.gap, np.minimum(self.gap + 1, len(room) - 1)):
            rise = straight.steepest[self.unit] + error / np.maximum(room[gap], 1e-300)
            steepest = np.maximum(steepest, rise)
        return steepest
