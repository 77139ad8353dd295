"""Channel Lipschitzness: units whose incoming weights can amplify most go first; no data needed."""

from __future__ import annotations

import numpy as np

from regions.backdoor.units import HiddenUnits


def channel_lipschitzness(units: HiddenUnits) -> np.ndarray:
    """Return the spectral norm of each unit's kernel, standardised within its layer.

    Higher is removed first. A channel's kernel is read as a matrix (channels before, positions of
    the kernel); for a neuron of a linear layer it is the norm of its row. After Zheng, Tang, Li and
    Liu 2022 (arXiv 2208.03111), who remove channels above mean + u standard deviations of their
    layer, batch normalisation folded in; ranking all layers together and the linear layers are
    ours.

    Examples
    --------
    >>> from regions.backdoor import GatedNetwork
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> channel_lipschitzness(network.units).shape
    (3,)
    """
    norms = [
        np.linalg.norm(weight.reshape(*weight.shape[:2], -1), ord=2, axis=(1, 2))
        for weight in (units.weights[name] for name in units.widths)
    ]
    return units.standardise(np.concatenate(norms))
