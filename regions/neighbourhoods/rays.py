"""What is met on the way from a point along orthogonal axes, both ways, up to a radius."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.counting.effort import Effort
from regions.counting.line.knots import line_frame
from regions.counting.line.walk import walk
from regions.neighbourhoods.linearised import preactivations
from regions.networks import ReLUNetwork, Slice
from regions.networks.pieces import Pieces

_BLOCK = 32  # breakpoints whose outputs are computed at once


@dataclass(frozen=True)
class Rays:
    """What is met along the axes of one point.

    Attributes
    ----------
    met : (rays, layers) int array
        Distinct boundaries within the radius by the ReLU layer that makes them, exactly: first
        along all axes one way, then along all the other way.
    units : int
        Distinct hidden units that switch, or maxima that change their piece, on some ray.
    decision : (rays,) array
        How far away the predicted class changes first; infinite if it does not.
    doubtful : int
        Decisions that exact arithmetic could not reach.
    """

    met: np.ndarray
    units: int
    decision: np.ndarray
    doubtful: int


def orthonormal(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Return random directions, (count, size), orthonormal as far as the dimension allows.

    Examples
    --------
    >>> axes = orthonormal(np.random.default_rng(0), 3, 5)
    >>> np.abs(axes[:3] @ axes[:3].T - np.eye(3)).max() < 1e-12, axes.shape
    (np.True_, (5, 3))
    """
    frames, left = [], count
    while left > 0:
        frame = np.linalg.qr(rng.standard_normal((size, min(left, size)))).Q.T
        frames.append(frame)
        left -= len(frame)
    return np.vstack(frames)


def rays_of(net: ReLUNetwork, point: np.ndarray, axes: np.ndarray, radius: float) -> Rays:
    """Return what is met from a point along axes, both ways.

    Boundaries are found by the line engine on the segment between the two ends of each axis: they
    are exact for it. The change of class is found in float64.

    Parameters
    ----------
    net : ReLUNetwork
    point : (n0,) array
    axes : (axes, n0) array
        Orthonormal rows.
    radius : float
    """
    layers, pieces = len(net.relu_layers), Pieces(net.graph)
    met, doubtful = np.zeros((2, len(axes), layers), dtype=np.int64), 0
    decision, switched = np.full((2, len(axes)), np.inf), np.zeros(pieces.units, dtype=bool)
    for i, axis in enumerate(axes):
        line = Slice.through([point - radius * axis, point + radius * axis])
        frame, before, places = line_frame(net, line), None, []
        with Effort().blas_threads(net):
            for part in walk(net, frame):
                if pieces.maxima:
                    for _, one, two in part.switches(before):
                        switched |= np.not_equal(*pieces.patterns(np.stack([one, two])))
                else:
                    switched[part.flips.units] = True
                    switched |= part.first != (part.first if before is None else before)
                before = part.last
                made = np.flatnonzero(part.layers >= 0)
                at = frame.coordinates(part.knots[made]) - radius
                np.add.at(met[:, i], (np.where(at < 0, 1, 0), part.layers[made]), 1)
                doubtful += part.doubtful
                places.append(at)
        at = np.concatenate(places)
        for way, sign in enumerate((1.0, -1.0)):
            ahead = np.sort(sign * at[sign * at > 0])
            decision[way, i] = _changes(net, point, sign * axis, np.append(ahead, radius))
    return Rays(met.reshape(-1, layers), int(switched.sum()), decision.ravel(), doubtful)


def _changes(
    net: ReLUNetwork, point: np.ndarray, direction: np.ndarray, places: np.ndarray
) -> float:
    """Return where the predicted class changes first, the network being affine between places."""
    outputs = net(point[None]).reshape(1, -1)
    label = int(outputs[0].argmax()) if outputs.shape[1] > 1 else int(outputs[0, 0] > 0)
    before, last = margins(outputs, label), 0.0
    for begin in range(0, len(places), _BLOCK):
        at = places[begin : begin + _BLOCK]
        inputs = point + at[:, None] * direction
        lead = np.vstack([before, margins(net(inputs).reshape(len(at), -1), label)])
        ends, lost = np.append(last, at), np.flatnonzero((lead[1:] < 0).any(axis=1))
        if len(lost):
            k = int(lost[0])
            down = lead[k + 1] < 0
            share = (lead[k, down] / (lead[k, down] - lead[k + 1, down])).min()
            return float(ends[k] + max(share, 0.0) * (ends[k + 1] - ends[k]))
        before, last = lead[-1:], float(at[-1])
    return float("inf")


def margins(outputs: np.ndarray, label: int) -> np.ndarray:
    """Return by how much a class leads each other one; a single output is compared with zero.

    Examples
    --------
    >>> margins(np.array([[1.0, 3.0, 0.5]]), 1).tolist(), margins(np.array([[-2.0]]), 0).tolist()
    ([[2.0, 2.5]], [[2.0]])
    """
    if outputs.shape[1] == 1:
        return outputs if label else -outputs
    return outputs[:, [label]] - np.delete(outputs, label, axis=1)


def switching_units(
    net: ReLUNetwork, point: np.ndarray, axes: np.ndarray, radius: float
) -> np.ndarray:
    """Return, by layer, how many units differ between the ends of all axes around a point.

    That is the local complexity of Humayun, Balestriero and Baraniuk [1]_: the hyperplanes that cut
    a small cross-polytope, a unit being said to cut it if its preactivations at the vertices have
    both signs (a maximum, if it is not on one piece at all of them). In the first layer this is
    exact; a unit of a later layer may be bent, and cut the cross-polytope without it: their number
    is a lower bound.

    .. [1] A. I. Humayun, R. Balestriero, R. Baraniuk, Deep networks always grok and here is why,
       ICML 2024, arXiv:2402.15555.
    """
    ends = np.vstack([point + radius * axes, point - radius * axes])
    values, _ = preactivations(net, ends)
    pieces = Pieces(net.graph)
    found = pieces.patterns(np.hstack([value > 0 for value in values]))
    differ = (found != found[0]).any(axis=0)
    return np.bincount(pieces.layers, weights=differ, minlength=len(values)).astype(int)
