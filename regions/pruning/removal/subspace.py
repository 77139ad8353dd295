"""Subspace node pruning: units in an order, what the rest predicts of them folded onwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from regions.choices import check_name
from regions.pruning.counts import nearest
from regions.pruning.criterion import Method, Request, Selection
from regions.pruning.removal.orders import ORDERS, unit_order, unit_residuals
from regions.pruning.removal.removal import Removal


@dataclass(frozen=True, eq=False)
class Subspace(Method):
    """Whole units are removed and the layers that read them refitted ("SNP").

    The units of a layer are ordered by importance, C = L D L^T in that order orthogonalises them
    one after another (D_i is the energy of unit i that the units before it cannot predict), and
    the last ones are removed. The next layer, y = W x, becomes W' = (W L)[:, :k] (L^-1)[:k, :k],
    which is the least-squares refit of y on the kept units. The error is
    |y - y'|^2 = sum over removed i of D_i |(W L)_i|^2.

    A density is the fraction of a layer's units (rows, filters) that are kept, rounded to the
    nearest, at least one; the count is that of the layer named. Only layers that feed a ReLU layer
    can be named, and whose units are not added to others: see `regions.pruning.unit_layers`. With
    ``scope="global"`` one cut of the normalised cumulative D, the same for all layers, keeps the
    demanded share of all units.

    Attributes
    ----------
    inputs : array
        Calibration images, (samples, *input_shape); activations are those of the model as given,
        for all layers in one pass.
    order : str
        One of `regions.pruning.removal.orders.ORDERS`. On small nets pruned hard, energy and
        pivoted QR do better, and it can do worse than a random order.
    refit : bool
        False keeps the outgoing weights as they are.

    Notes
    -----
    Convolutions: units are channels. Their order is that of the channel Gram; the refit is least
    squares on patches (channel x kernel position). A layer behind a flatten likewise. The bias is
    refitted where the next layer has one (before a batch normalisation it often has not).
    Ours, as the published text leaves it open: activations are not centred but the constant is
    always kept; ridge 1e-8 tr(C) / n; layers are refitted on the activations of the unpruned model.

    References
    ----------
    Offergeld, van Gerven and Ahmad, arXiv 2405.17506 (abstract and public reviews; the algebra is
    checked here, the order's exact formula is not public).

    Examples
    --------
    >>> import numpy as np, regions
    >>> pairs = [(np.array([[1.0], [1.0], [-1.0]]), None), (np.array([[1.0, 1.0, 1.0]]), None)]
    >>> inputs = np.array([[1.0], [2.0], [-3.0]])
    >>> masks = regions.prune(pairs, {"layer1": 0.67}, "subspace", inputs=inputs, order="energy")
    >>> masks["layer1"].ravel().tolist(), masks.repaired["output.weight"].round(3).tolist()
    ([True, False, True], [[2.0, 0.0, 1.0]])
    """

    name = "subspace"
    inputs: Any = field(default=None, repr=False)
    order: str = "residual"
    refit: bool = True

    def __post_init__(self) -> None:
        check_name("order", self.order, ORDERS)

    def __call__(self, request: Request) -> Selection:
        removal = Removal.of(request, self.name, self.inputs)
        orders, residuals = {}, {}
        for name, layer in removal.layers.items():
            gram, constant = removal.gram_of_units(layer), removal.has_bias(layer)
            outgoing = removal.outgoing(layer)
            orders[name] = unit_order(gram, self.order, outgoing, constant, request.rng)
            residuals[name] = unit_residuals(gram, orders[name], constant)
        counts = removal.unit_counts(request)
        if request.scope == "global":
            share = sum(request.counts.values()) / sum(w.size for w in request.weights.values())
            counts = global_counts(residuals, nearest(share, sum(map(len, orders.values()))))
        kept = {name: np.isin(np.arange(len(o)), o[: counts[name]]) for name, o in orders.items()}
        return removal.select(kept, removal.refitted if self.refit else None)


def global_counts(residuals: Mapping[str, np.ndarray], total: int) -> dict[str, int]:
    """Return how many units each layer keeps if all are cut at one share of their energy.

    Each layer keeps the fewest units whose D make up that share of the layer's sum; the share is
    the one at which `total` units are kept, though at least one per layer. Ties: earlier layer.

    >>> global_counts({"a": np.array([8.0, 1.0, 1.0]), "b": np.array([4.0, 3.0, 3.0])}, 4)
    {'a': 1, 'b': 3}
    """
    # a unit is kept if those before it make up less than the share
    before = {name: (np.cumsum(d) - d) / d.sum() for name, d in residuals.items()}
    layers = np.repeat(np.arange(len(before)), [len(share) for share in before.values()])
    cut = np.argsort(np.concatenate(list(before.values())), kind="stable")
    kept = layers[cut[: max(total, len(before))]]
    return {name: int((kept == index).sum()) for index, name in enumerate(before)}
