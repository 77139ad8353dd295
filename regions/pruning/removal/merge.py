"""Merging of redundant units: one of them stays and takes the outgoing weights of the others."""

from __future__ import annotations

from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.masks.masks import Masks
from regions.pruning.removal.dominating import keep_maximal


def merge_redundant_units(
    model: Any, theta: float = 0.0, input_shape: tuple[int, ...] | None = None
) -> Masks:
    """Return masks that merge hidden units with almost equal incoming weights and biases.

    Two units of a layer are similar if no incoming weight (nor the bias) differs by more than
    `theta`. `keep_maximal` says which ones go; the outgoing weights of a unit that goes are added
    to those of its keeper. Layers are taken in order, each with the weights that the merge before
    it has left. For `theta` = 0 the function that the network computes stays the same.

    NeuroPrune (arXiv 2404.01306) merges attention heads so and speaks of adding up incoming
    columns; adding outgoing weights is what leaves the function alone.

    Parameters
    ----------
    model : torch.nn.Module, list of (W, b), path of an ONNX file, or ReLUNetwork
        A multilayer perceptron; left untouched.
    theta : float
        Largest difference of similar units.
    input_shape : tuple of int, optional
        As in `regions.as_network`.

    Returns
    -------
    Masks
        Units that go have no weights left; `repaired` holds the sums of outgoing weights.

    Raises
    ------
    ArgumentError
        If `theta` is no number >= 0.
    UnsupportedModelError
        If the model is no multilayer perceptron.

    Examples
    --------
    >>> pairs = [(np.array([[1.0, 2], [1, 2], [0, 1]]), None), (np.array([[3.0, 4, 5]]), None)]
    >>> masks = merge_redundant_units(pairs)
    >>> masks.apply(pairs)[0][0].tolist(), masks.apply(pairs)[1][0].tolist()
    ([[0.0, 0.0], [1.0, 2.0], [0.0, 1.0]], [[0.0, 7.0, 5.0]])
    """
    from regions.networks import as_network

    if not isinstance(theta, Real) or isinstance(theta, bool) or not 0 <= float(theta) < np.inf:
        raise ArgumentError(f"theta is {theta!r}; expected a number >= 0, a difference of weights")
    net = as_network(model, input_shape)
    if not net.graph.is_perceptron:
        raise UnsupportedModelError(
            "units are merged in multilayer perceptrons, Linear and ReLU in turn; this network "
            f"has the steps {[step.kind for step in net.graph.steps]}"
        )
    masks = {name: weight != 0 for name, weight in net.weights.items()}
    weights = {name: weight.copy() for name, weight in net.weights.items()}
    for layer, following in pairwise(net.weights):
        bias = net.parameters.get(f"{layer}.bias", np.zeros(len(weights[layer])))
        incoming = np.column_stack([weights[layer] * masks[layer], bias])
        keepers = keep_maximal(cdist(incoming, incoming, "chebyshev") <= theta)
        for unit in np.flatnonzero(keepers != np.arange(len(keepers))):
            weights[following][:, keepers[unit]] += weights[following][:, unit]
            masks[following][:, keepers[unit]] |= masks[following][:, unit]
            masks[layer][unit] = False
            masks[following][:, unit] = False
    repaired = {
        f"{name}.weight": weight
        for name, weight in weights.items()
        if not np.array_equal(weight, net.weights[name])
    }
    return Masks(masks, net.graph, "", repaired)
