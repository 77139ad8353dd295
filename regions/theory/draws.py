"""Tangent kernels of random pruned networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from regions.arguments import check_flag, is_number
from regions.errors import ArgumentError
from regions.randomness import Rng
from regions.theory.empirical import empirical_ntk
from regions.theory.points import read_generator, read_points
from regions.theory.rescaling import ntk_scales, read_widths


def random_ntk(
    x: Any,
    y: Any,
    hidden: Sequence[int],
    density: float = 1.0,
    *,
    masked_input: bool = False,
    rescaled: bool = True,
    rng: Rng = None,
) -> Any:
    """Return the tangent kernel of one random, randomly pruned ReLU network.

    Weights are drawn from N(0, 1), hidden activations multiplied by sqrt(2 / width), there are no
    biases and one output; each weight is kept with probability `density`. As the widths grow it
    tends to `limit_ntk`, multiplied by `limit_factor` if not rescaled. Yang and Wang (AISTATS
    2023, arXiv:2203.14328; its abstract) show that a width linear in 1/density suffices for the
    same gap to the limit. It was not shown to be necessary, and simulations do well with less.

    Parameters
    ----------
    x, y : array of shape (rows, n0) or (n0,)
    hidden : sequence of int
        Widths of the hidden layers.
    density : float
        Probability that a weight is kept, in (0, 1].
    masked_input : bool
        Prune the input matrix too.
    rescaled : bool
        Divide kept weights by sqrt(density).

    Returns
    -------
    array of shape (rows of x, rows of y), or float

    Examples
    --------
    >>> point = [0.6, 0.8]
    >>> draws = [random_ntk(point, point, [256] * 2, 0.5, rng=seed) for seed in range(20)]
    >>> 2.5 < sum(draws) / 20 < 3.5  # the limit is 3
    True
    """
    if not (is_number(density) and 0 < density <= 1):
        raise ArgumentError(f"density must be a number in (0, 1], got {density!r}")
    check_flag(masked_input, "masked_input")
    check_flag(rescaled, "rescaled")
    generator = read_generator(rng)
    points, _ = read_points("x", x)
    widths = [points.shape[-1], *read_widths(hidden, "hidden"), 1]
    densities = [float(density)] * (len(widths) - 1)
    if not masked_input:
        densities[0] = 1.0
    net = [(generator.standard_normal((b, a)), None) for a, b in pairwise(widths)]
    names = [*(f"layer{i}" for i in range(1, len(net))), "output"]
    masks = {
        name: generator.random(weight.shape) < kept
        for name, (weight, _), kept in zip(names, net, densities, strict=True)
        if kept < 1
    }
    scales = ntk_scales(widths, densities if rescaled else 1.0)
    return empirical_ntk(net, x, y, masks, scales=scales)
