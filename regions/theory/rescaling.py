"""Rescaling of pruned weights by the square root of the density."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from regions.arguments import check_reals, check_whole
from regions.errors import ArgumentError
from regions.networks import ReLUNetwork, as_network
from regions.pruning import Masks


def ntk_scales(
    widths: Sequence[int], densities: float | Sequence[float] = 1.0
) -> tuple[float, ...]:
    """Return the factor of each weight matrix in the tangent parameterisation, rescaled.

    The first matrix has factor 1 and the others sqrt(2 / number of their inputs), for weights
    drawn from N(0, 1). Each is divided by the square root of its density, which is the rescaling
    that brings the kernel of a randomly pruned network back to the dense one's limit.

    Parameters
    ----------
    widths : sequence of int
        [n0, hidden widths..., outputs].
    densities : float or one per matrix
        1 where a matrix is dense or not rescaled.

    Examples
    --------
    >>> ntk_scales([10, 8, 8, 1], [1.0, 0.25, 0.25])
    (1.0, 1.0, 1.0)
    """
    sizes = read_widths(widths, "widths")
    if len(sizes) < 2:
        raise ArgumentError(f"widths must be [n0, hidden..., outputs], got {widths!r}")
    given = check_reals(densities, "densities")
    if given.shape not in ((), (len(sizes) - 1,)):
        raise ArgumentError(f"densities must be one per matrix of {sizes}, got {densities!r}")
    kept = np.broadcast_to(given, len(sizes) - 1)
    _check(kept, densities)
    fans = np.array([2, *sizes[1:-1]])
    return tuple(np.sqrt(2 / (fans * kept)).tolist())


def read_widths(widths: Any, name: str) -> list[int]:
    """Return widths of layers as whole numbers of at least 1."""
    if isinstance(widths, (str, bytes, Mapping)) or not isinstance(widths, Iterable):
        raise ArgumentError(f"{name} is {widths!r}; expected a list of widths, such as [64, 64]")
    return [check_whole(width, f"{name}[{i}]", most=10**9) for i, width in enumerate(widths)]


def rescale(model: Any, masks: Mapping[str, Any], densities: Any = None) -> ReLUNetwork:
    """Return the masked network with each layer's kept weights divided by sqrt(density).

    Without biases this multiplies every preactivation by a positive number, so that activation
    patterns and regions stay the same; with biases it moves them.

    Parameters
    ----------
    model : any model that `as_network` takes
        Left untouched.
    masks : Masks or mapping of layer name to array
        Layers that are not named stay as they are.
    densities : mapping of layer name to float, optional
        The probabilities that the masks were drawn with; default the fractions kept.

    Examples
    --------
    >>> import numpy as np
    >>> net = rescale([(np.ones((1, 4)), None)], {"output": [[1, 0, 0, 0]]})
    >>> net.weights["output"].tolist()
    [[2.0, 0.0, 0.0, 0.0]]
    """
    masks = Masks(masks)
    if not (densities is None or isinstance(densities, Mapping)):
        raise ArgumentError(
            f"densities is {densities!r}; expected a mapping from layer name to density"
        )
    kept = masks.density() if densities is None else dict(densities)
    if set(kept) != set(masks):
        raise ArgumentError(f"densities name {list(kept)}, but the masks {list(masks)}")
    _check(check_reals(list(kept.values()), "densities"), kept)
    return as_network(model).masked({name: masks[name] / np.sqrt(kept[name]) for name in masks})


def _check(kept: np.ndarray, given: Any) -> None:
    if not ((kept > 0) & (kept <= 1)).all():
        raise ArgumentError(
            f"densities must lie in (0, 1], got {given!r}; a layer without weights cannot be "
            "rescaled"
        )
