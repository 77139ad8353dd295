"""How much more a unit fires when a trigger is on the image."""

from __future__ import annotations

import numpy as np

from regions.backdoor.gated import GatedNetwork


def trigger_response(
    network: GatedNetwork, inputs: np.ndarray, triggered: np.ndarray
) -> np.ndarray:
    """Return the rise of each unit's mean activation, over its standard deviation.

    (mean on `triggered` - mean on `inputs`) / sd over both together; higher is removed first. With
    as many of one as of the other it is twice the correlation of activation and trigger, hence
    between -2 and 2; 0 for a unit that is constant. With the attacker's own trigger this is an
    **oracle**: no defender has it. With a trigger found by `invert_triggers` it is close to the
    pruning that Neural Cleanse proposes (Wang et al. 2019, doi:10.1109/SP.2019.00031), which ranks
    by the difference of activations; the division is ours, so that layers can be ranked together.

    Examples
    --------
    >>> from regions.backdoor import GatedNetwork
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> images = np.eye(4, dtype=np.float32)
    >>> trigger_response(network, images, images)
    array([0., 0., 0.])
    """
    clean, other = (network.activations(part).astype(np.float64) for part in (inputs, triggered))
    rise = other.mean(axis=0) - clean.mean(axis=0)
    spread = np.concatenate([clean, other]).std(axis=0)
    return np.divide(rise, spread, out=np.zeros_like(rise), where=spread > 0)
