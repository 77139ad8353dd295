"""Test inputs at which units change sign, so that both sides of every unit are compared."""

from __future__ import annotations

import numpy as np

from regions.networks.network import ReLUNetwork

_SCALES = (0.01, 1.0, 10.0, 100.0, 1e4)
_EFFORT = 5e6  # multiplications spent on the search
_ROOM = 1e10  # multiplications of one pass over all points
_LEAST, _MOST = 8, 16  # points returned, where there is room for them
FIRST = 3  # rows of the first run; an even number of points is another size of the batch


def start_points(shape: tuple[int, ...], rows: int) -> np.ndarray:
    """Return fixed test inputs, of shape (rows, *shape): zeros, small, unit and large draws."""
    scales = np.resize([0.0, 0.1, 1.0, 1.0, 10.0], rows)[::-1].reshape(-1, *([1] * len(shape)))
    return np.random.default_rng(0).standard_normal((rows, *shape)) * scales


def probe_points(net: ReLUNetwork) -> np.ndarray:
    """Return test inputs, of shape (rows, *input_shape), at which units take both signs.

    Candidates lie on opposite rays of all lengths, because a far point is dominated by weights and
    a near one by biases. Of these, points are kept that show units in a state not seen before, and
    the input zero. On large networks fewer candidates are tried, and on the largest only two points
    are left, of sizes 10 and 1: their convolutions show each channel at thousands of places.
    """
    products = net.input_size + net.graph.products
    rays = int(np.clip(_EFFORT / products / len(_SCALES) / 2, 0, 24))
    points = start_points(net.input_shape, _LEAST)
    if not rays:
        fitting = 2 * int(np.clip(_ROOM / products / 2, 1, _LEAST // 2))
        return points if fitting == _LEAST else points[FIRST : FIRST + fitting]
    directions = np.random.default_rng(3).standard_normal((rays, *net.input_shape))
    signed = np.concatenate([directions, -directions])
    candidates = np.concatenate([points, *(scale * signed for scale in _SCALES)])
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused later
        return candidates[_telling(net.pattern(candidates))]


def _telling(pattern: np.ndarray) -> list[int]:
    """Return rows that together show most units on both sides, the first ones among them.

    Their number is even: reading starts with a batch of three, and batches should differ.
    """
    seen = np.zeros((2, pattern.shape[1]), dtype=bool)
    kept, gain = list(range(_LEAST)), 1
    for row in kept:
        seen |= [pattern[row], ~pattern[row]]
    while gain and len(kept) < _MOST:
        gains = (pattern & ~seen[0]).sum(axis=1) + (~pattern & ~seen[1]).sum(axis=1)
        best = int(gains.argmax())
        gain = gains[best]
        if gain:
            kept.append(best)
            seen |= [pattern[best], ~pattern[best]]
    return kept[: len(kept) - len(kept) % 2]
