"""`Imitation`: the units of a layer as vectors whose average is to be imitated with few of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from regions.networks.network import ReLUNetwork
from regions.networks.steps import Conv, Step
from regions.pruning.removal.gram import Gram
from regions.pruning.removal.units import UnitLayer, membership

if TYPE_CHECKING:
    import torch

_DEAD = 1e-12  # of the largest contribution
_BATCH = 64


@dataclass(frozen=True, eq=False)
class Imitation:
    """Inner products of what the units of one layer contribute to what is imitated.

    Unit i contributes g_i; together they give f = sum_i g_i. As an average of N live units,
    f = (1/N) sum_i s_i with s_i = N g_i. Weights a on the units give f_a = sum_i a_i s_i and the
    discrepancy D(a) = E |f_a - f|^2. Dead units (no contribution) are dropped and do not count in
    N: a live unit alone is scaled by N and overshoots, so that every greedy rule would otherwise
    pick a dead unit first and call the zero function its best start.

    Attributes
    ----------
    products : array of shape (units, units)
        E <g_i, g_j> over samples.

    Examples
    --------
    >>> imitation = Imitation(np.diag([1.0, 4.0, 0.0]))
    >>> imitation.live.tolist(), imitation.norm, imitation.error(np.array([1.0, 0.0]))
    ([0, 1], 5.0, 5.0)
    >>> imitation.error(imitation.uniform), imitation.least_squares([1])[1]
    (0.0, 1.0)
    """

    products: np.ndarray

    @cached_property
    def live(self) -> np.ndarray:
        """Units that contribute, ascending; positions in a, supports and `gram` refer to these."""
        energy = np.diag(self.products)
        return np.flatnonzero(energy > _DEAD * energy.max())

    @cached_property
    def gram(self) -> np.ndarray:
        """<s_i, s_j> of the live units, shape (N, N)."""
        return len(self.live) ** 2 * self.products[np.ix_(self.live, self.live)]

    @property
    def uniform(self) -> np.ndarray:
        """The weights 1/N, whose discrepancy is 0."""
        return np.full(len(self.live), 1.0 / max(1, len(self.live)))

    @cached_property
    def target(self) -> np.ndarray:
        """<s_i, f>."""
        return self.gram @ self.uniform

    @property
    def norm(self) -> float:
        """|f|^2, the discrepancy of the zero function."""
        return float(self.target @ self.uniform)

    def error(self, weights: np.ndarray) -> float:
        """Return D(a)."""
        apart = weights - self.uniform
        return max(0.0, float(apart @ self.gram @ apart))

    def least_squares(self, support: Any) -> tuple[np.ndarray, float]:
        """Return the best free weights on `support`, and their D: a lower bound for any others."""
        weights = np.zeros(len(self.live))
        inner = self.gram[np.ix_(support, support)]
        weights[support] = np.linalg.lstsq(inner, self.target[support], rcond=None)[0]
        return weights, self.error(weights)

    def nested(self, order: np.ndarray) -> np.ndarray:
        """Return D of the best free weights on the first 1, 2, ... units of `order`."""
        ridge = 1e-12 * np.trace(self.gram) / len(self.gram)
        inner = self.gram[np.ix_(order, order)] + ridge * np.eye(len(order))
        factor = linalg.cholesky(inner, lower=True)
        parts = linalg.solve_triangular(factor, self.target[order], lower=True)
        return np.maximum(self.norm - np.cumsum(parts**2), 0.0)


def local_imitation(network: ReLUNetwork, layer: UnitLayer, grams: Mapping[str, Gram]) -> Imitation:
    """Return the imitation of what the next layer computes: g_i = W_:i x_i, before its bias.

    Parameters
    ----------
    network : ReLUNetwork
    layer : UnitLayer
        From `find_units`. If several layers read it, their discrepancies are added.
    grams : mapping of str to Gram
        Of the layers that read it (`layer_grams`).
    """
    products = np.zeros((layer.size, layer.size))
    for reader in layer.readers:
        gram = grams[reader.layer]
        weight = network.parameters[f"{reader.layer}.weight"]
        flat = weight.reshape(len(weight), -1)
        pairs = gram.matrix[:-1, :-1] * (flat.T @ flat) / gram.samples
        belongs = membership(gram.units, layer.size)
        products += belongs @ pairs @ belongs.T
    return Imitation(products)


def global_imitations(
    network: ReLUNetwork, layers: Mapping[str, UnitLayer], inputs: np.ndarray
) -> dict[str, Imitation]:
    """Return, for each layer, the imitation of the network's outputs, to first order in the layer.

    g_i is the derivative of the outputs along unit i times its activation: what the unit
    contributes while no later unit switches. One backward pass per output, for all layers.

    Parameters
    ----------
    network : ReLUNetwork
    layers : mapping of str to UnitLayer
    inputs : array of shape (samples, *input_shape)
    """
    products = {name: np.zeros((layer.size, layer.size)) for name, layer in layers.items()}
    for at in range(0, len(inputs), _BATCH):
        points = inputs[at : at + _BATCH].reshape(-1, *network.input_shape)
        outputs, read = _differentiable(network, layers, points)
        for output in outputs.T:
            for name, given in _contributions(network, layers, output, read).items():
                products[name] += given.T @ given
    return {name: Imitation(total / len(inputs)) for name, total in products.items()}


def _differentiable(
    network: ReLUNetwork, layers: Mapping[str, UnitLayer], points: np.ndarray
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return outputs (samples, outputs), and what each step that reads units reads."""
    import torch

    parameters = {name: torch.tensor(value) for name, value in network.parameters.items()}
    steps = {reader.step for layer in layers.values() for reader in layer.readers}
    graph, start = network.graph, torch.tensor(points, requires_grad=True)
    read: dict[str, torch.Tensor] = {}

    def value(step: Step, sources: list[torch.Tensor]) -> torch.Tensor:
        if step.name in steps:
            # a view of its own: the derivative through this reader alone
            read[step.name] = sources[0] = sources[0].view_as(sources[0])
        return step.value(sources, parameters)

    with torch.enable_grad():
        values = graph.run({"input": start}, value)
    return values[graph.ends[-1]].reshape(len(points), -1), read


def _contributions(
    network: ReLUNetwork,
    layers: Mapping[str, UnitLayer],
    output: torch.Tensor,
    read: Mapping[str, torch.Tensor],
) -> dict[str, np.ndarray]:
    """Return g_i of one output for each layer, shape (samples, units)."""
    import torch

    values = list(read.values())
    found = torch.autograd.grad(output.sum(), values, retain_graph=True)
    products = {
        step: (value * gradient).detach().numpy()
        for (step, value), gradient in zip(read.items(), found, strict=True)
    }
    total = {name: np.zeros((len(output), layer.size)) for name, layer in layers.items()}
    for name, layer in layers.items():
        for reader in layer.readers:
            product, count = products[reader.step], len(reader.columns)
            # units lie on the first axis of what a convolution reads, else on the last
            axis = 1 if isinstance(network.graph.by_name[reader.step], Conv) else -1
            summed = np.moveaxis(product, axis, -1).reshape(len(product), -1, count).sum(axis=1)
            total[name] += summed @ membership(reader.columns, layer.size).T
    return total
