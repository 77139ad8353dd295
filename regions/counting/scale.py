"""The scale of a domain without ends: how far out the first layer's boundaries are."""

from __future__ import annotations

import numpy as np

from regions.networks import ReLUNetwork


def typical_distance(net: ReLUNetwork, columns: np.ndarray) -> float:
    """Return the median distance of the first layer's boundaries from the origin; 1 without any.

    Parameters
    ----------
    net : ReLUNetwork
    columns : (d + 1, inputs) array
        The inputs' slopes along d coordinates, and the inputs at their origin.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[2.0, 0.0], [0.0, 1.0]], [6.0, -5.0]), ([[1.0, 1.0]], [0.0])])
    >>> typical_distance(net, np.vstack([np.eye(2), np.zeros(2)]))
    4.0
    """
    if not net.relu_layers:
        return 1.0
    last = np.append(np.zeros(len(columns) - 1), 1.0)
    with np.errstate(all="ignore"):
        forms, _ = net.advance(net.start(columns), 0, last)
        distances = np.abs(forms[-1]) / np.linalg.norm(forms[:-1], axis=0)
    far = distances[np.isfinite(distances) & (distances > 0)]
    return float(np.median(far)) if len(far) else 1.0
