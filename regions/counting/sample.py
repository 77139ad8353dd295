"""A lower bound from distinct activation patterns, and how far from complete it looks."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from regions.counting.effort import Effort, stoppable
from regions.counting.question import Kind, Question
from regions.counting.result import Found, Status
from regions.counting.tree.frame import Frame, frame_of, noise_levels
from regions.counting.tree.halfspaces import Halfspaces
from regions.errors import ArgumentError, DomainError
from regions.randomness import Rng

if TYPE_CHECKING:
    from regions.networks import Box, ReLUNetwork, Slice

_AT_ONCE = 4096
_NEW_MASS = 0.2
_STEPS = 64


class SaturationWarning(UserWarning):
    """The sample is too small for the number of regions: its count mostly reflects its size."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Distinct activation patterns among points: a lower bound on the number of regions.

    ``details`` holds drawn, distinct, singletons (patterns seen once), doubletons,
    new_mass = singletons / drawn (Good-Turing: the chance that one more point shows a new region),
    saturated, and chao1, a lower-bound type estimate of the total [1]_, badly biased where many
    regions are small. A SaturationWarning is given if new_mass is above 0.2: the bound then says
    more about the sample than about the network.

    References
    ----------
    .. [1] A. Chao, Nonparametric estimation of the number of classes in a population,
       Scand. J. Statist. 11 (1984) 265-270.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> regions.count_regions(net, regions.Box.cube(2, -1, 1), method="sample", samples=100).lower
    4
    """

    name: ClassVar[str] = "sample"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation",)

    samples: int = 10_000
    """Points to draw: uniformly from a box or segment, by hit-and-run from other slices."""
    points: Any = None
    """Inputs to use instead, (m, n0) or (m, *input_shape), all within the domain. A point on a
    boundary between regions is first moved a little, so that it counts for a region."""
    rng: Rng = 0

    def __post_init__(self) -> None:
        if isinstance(self.samples, bool) or not isinstance(self.samples, int) or self.samples < 1:
            raise ArgumentError(
                f"samples is {self.samples!r}; expected a whole number of at least 1"
            )

    def found(self, question: Question, effort: Effort) -> Found:
        """Draw and count; DomainError if points are to be drawn from an unbounded domain."""
        net, domain = question.net, question.domain
        generator, seen = np.random.default_rng(self.rng), Counter()
        if self.points is None:
            batches, total = _drawn(net, domain, self.samples, generator), self.samples
        else:
            inputs = _inside(net, domain, self.points)
            noise = noise_levels(net, np.abs(inputs).max(axis=0)[None])
            batches = [_off_boundaries(net, inputs, noise, generator)]
            total = len(inputs)
        scale = None
        with stoppable() as stopped, effort.bar("points", total=total) as bar:
            for batch in batches:
                if scale is None:
                    scale = noise_levels(net, np.abs(batch).max(axis=0)[None])
                seen.update(_patterns(net, batch, scale))
                bar.update(len(batch))
                effort.check()
        return _result(seen, stopped.by)


def chao1(singletons: int, doubletons: int, distinct: int) -> float:
    """Return Chao's lower-bound type estimate of the number of classes.

    >>> chao1(singletons=10, doubletons=5, distinct=20)
    30.0
    """
    if doubletons:
        return distinct + singletons**2 / (2 * doubletons)
    return distinct + singletons * (singletons - 1) / 2


def _result(seen: Counter, stopped_by: str | None) -> Found:
    frequencies = Counter(seen.values())
    drawn, distinct, singletons = sum(seen.values()), len(seen), frequencies[1]
    new_mass = singletons / drawn if drawn else 1.0
    details = {
        "drawn": drawn,
        "distinct": distinct,
        "singletons": singletons,
        "doubletons": frequencies[2],
        "new_mass": new_mass,
        "saturated": new_mass > _NEW_MASS,
        "chao1": chao1(singletons, frequencies[2], distinct),
    }
    if details["saturated"]:
        warnings.warn(
            f"{singletons} of {drawn} points lie in a region of their own: the count {distinct} is "
            "far below the number of regions; draw more points, or use method='estimate'",
            SaturationWarning,
            stacklevel=4,
        )
    if stopped_by is not None:
        return Found.cut_short(max(distinct, 1), stopped_by, **details)
    return Found(Status.LOWER_BOUND, distinct, details=details)


def _patterns(net: ReLUNetwork, points: np.ndarray, noise: tuple[np.ndarray, ...]) -> list[bytes]:
    """Return packed patterns; a preactivation that is zero up to rounding counts as inactive."""
    state, found = net.start(points), []
    for index in range(len(net.relu_layers)):
        values, state = net.advance(state, index)
        found.append(values > noise[index])
        state = net.activate(state, index, net.slopes(index, found[-1]))
    bits = np.hstack(found) if found else np.zeros((len(points), 0), dtype=bool)
    return [row.tobytes() for row in np.packbits(bits, axis=1)]


def _off_boundaries(
    net: ReLUNetwork, points: np.ndarray, noise: tuple, generator: np.random.Generator
) -> np.ndarray:
    """Move points at which some unit is exactly at its switch to a random place close by."""
    state, touching = net.start(points), np.zeros(len(points), dtype=bool)
    for index in range(len(net.relu_layers)):
        values, state = net.advance(state, index)
        touching |= (np.abs(values) <= noise[index]).any(axis=1)
        state = net.activate(state, index, net.slopes(index, values > noise[index]))
    moved, size = points.copy(), max(float(np.abs(points).max()), 1e-3)
    shift = 1e-5 * size * generator.standard_normal((int(touching.sum()), points.shape[1]))
    moved[touching] += shift
    return moved


def _inside(net: ReLUNetwork, domain: Box | Slice | None, points: Any) -> np.ndarray:
    inputs = np.asarray(points, dtype=np.float64)
    if inputs.ndim < 2 or inputs[0].size != net.input_size or not np.isfinite(inputs).all():
        raise ArgumentError(
            f"points have shape {inputs.shape}; expected finite inputs, (m, {net.input_size}) or "
            f"(m, *{net.input_shape})"
        )
    inputs = inputs.reshape(len(inputs), -1)
    if domain is None:
        return inputs
    coordinates = (inputs - domain.origin) @ domain.basis.T
    rows, limits = domain.halfspaces()
    slack = 1e-9 * (1.0 + np.abs(inputs).max())
    off = np.abs(domain.embed(coordinates) - inputs).max(axis=1) > slack
    off |= (coordinates @ rows.T > limits + slack).any(axis=1)
    if off.any():
        raise ArgumentError(
            f"{int(off.sum())} of {len(inputs)} points lie outside the domain; drop them, or "
            "widen the domain"
        )
    return inputs


def _drawn(
    net: ReLUNetwork, domain: Box | Slice | None, samples: int, generator: np.random.Generator
):
    """Yield batches of inputs drawn uniformly from a bounded domain."""
    frame = frame_of(net, domain)
    if not frame.bounded:
        raise DomainError(
            "points cannot be drawn uniformly from an unbounded domain; give a Box or a Slice in "
            "a box, or points="
        )
    return _batches(frame, samples, generator)


def _batches(frame: Frame, samples: int, generator: np.random.Generator):
    chain = None
    for start in range(0, samples, _AT_ONCE):
        size = min(_AT_ONCE, samples - start)
        if len(frame.rows) == 0:
            y = generator.uniform(frame.low, frame.high, (size, frame.dimension))
        else:
            chain = _hit_and_run(frame, chain, size, generator)
            y = chain[:size]
        yield y @ frame.columns[:-1] + frame.columns[-1]


def _hit_and_run(frame: Frame, chain, size: int, generator: np.random.Generator) -> np.ndarray:
    """Move every point of `chain` along random chords of the polytope (all start at its centre)."""
    d = frame.dimension
    if chain is None:
        chain = np.repeat(Halfspaces(frame).root().points, size, axis=0)
    identity = np.eye(d)
    normals = np.vstack([frame.rows[:, :d], identity, -identity])
    offsets = np.concatenate([frame.rows[:, d], -frame.low, frame.high])
    for _ in range(_STEPS):
        direction = generator.standard_normal(chain.shape)
        rates, room = direction @ normals.T, np.maximum(chain @ normals.T + offsets, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = -room / rates
        ahead = np.where(rates < 0, limits, np.inf).min(axis=1)
        back = np.where(rates > 0, limits, -np.inf).max(axis=1)
        chain = chain + generator.uniform(back, ahead)[:, None] * direction
    return chain
