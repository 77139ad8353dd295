"""Fine-pruning's order: units that sleep on clean images go first."""

from __future__ import annotations

import numpy as np

from regions.backdoor.gated import GatedNetwork


def dormancy(network: GatedNetwork, inputs: np.ndarray) -> np.ndarray:
    """Return minus each unit's mean activation on clean `inputs`, over its layer's mean.

    Higher is removed first. Fine-pruning (Liu, Dolan-Gavitt and Garg 2018, arXiv 1805.12185) ranks
    the channels of the last convolutional layer by mean clean activation and fine-tunes after
    removal; ranking all hidden layers together, each relative to its own mean, is ours.

    Returns
    -------
    array of shape (units,)
        0 for a unit that never fires, -1 for an average one.

    Examples
    --------
    >>> from regions.backdoor import GatedNetwork
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> images = np.eye(4, dtype=np.float32)
    >>> dormancy(network, images).shape
    (3,)
    """
    means = network.activations(inputs).mean(axis=0, dtype=np.float64)
    parts = network.units.split(means).values()
    return -np.concatenate([part / max(part.mean(), 1e-300) for part in parts])
