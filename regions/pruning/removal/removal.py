"""What all methods share that remove whole units: how many, and the masks that result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.networks import ReLUNetwork
from regions.pruning.counts import nearest
from regions.pruning.criterion import Request, Selection
from regions.pruning.removal.gram import Gram, checked_inputs, layer_grams
from regions.pruning.removal.units import Reader, UnitLayer, removable, unit_masks

# (reader, weight of the layer that reads, its bias, kept units) -> weight, bias
Rewrite = Callable[
    [Reader, np.ndarray, "np.ndarray | None", np.ndarray], tuple[np.ndarray, "np.ndarray | None"]
]


@dataclass(frozen=True, eq=False)
class Removal:
    """The layers whose units are to be removed, the network around them, and its activations."""

    network: ReLUNetwork
    layers: Mapping[str, UnitLayer]
    inputs: np.ndarray
    grams: Mapping[str, Gram]
    """By the layer that reads."""

    @classmethod
    def of(cls, request: Request, method: str, inputs: Any) -> Removal:
        """Return what `request` asks for, or refuse it before anything is computed."""
        what = f"{method} removes whole units: it"
        layers = removable(request.reading.require_exact(what), request.counts, method)
        return cls.around(request.reading.described(request.model, what), layers, inputs)

    @classmethod
    def around(cls, network: ReLUNetwork, layers: Mapping[str, UnitLayer], inputs: Any) -> Removal:
        """Measure the activations that all layers which read units of `layers` receive."""
        checked = checked_inputs(inputs, network)
        readers = [reader for layer in layers.values() for reader in layer.readers]
        return cls(network, layers, checked, layer_grams(network, readers, checked))

    def unit_counts(self, request: Request) -> dict[str, int]:
        """Return how many units each layer keeps: its density times its units, at least one."""
        return {
            name: max(1, nearest(request.counts[name] / request.weights[name].size, layer.size))
            for name, layer in self.layers.items()
        }

    def gram_of_units(self, layer: UnitLayer) -> Gram:
        """Return the inner products of a layer's units, summed over the layers that read them."""
        parts = [self.grams[reader.layer].of_units(layer.size) for reader in layer.readers]
        return Gram(matrix=np.sum([part.matrix for part in parts], axis=0), units=parts[0].units)

    def outgoing(self, layer: UnitLayer) -> np.ndarray:
        """Return the outgoing weights of each unit, shape (units, m)."""
        rows = []
        for unit in range(layer.size):
            parts = [
                self.weight(reader)[:, reader.columns == unit].ravel() for reader in layer.readers
            ]
            rows.append(np.concatenate(parts))
        return np.array(rows)

    def refitted(
        self, reader: Reader, weight: np.ndarray, bias: np.ndarray | None, kept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the least-squares refit of a layer that reads, a `Rewrite`."""
        return self.grams[reader.layer].refit(weight, bias, kept)

    def has_bias(self, layer: UnitLayer) -> bool:
        """Tell whether every layer that reads the units has a bias to refit."""
        return all(self.bias(reader) is not None for reader in layer.readers)

    def weight(self, reader: Reader) -> np.ndarray:
        """Return the weight of a layer that reads."""
        return self.network.parameters[f"{reader.layer}.weight"]

    def bias(self, reader: Reader) -> np.ndarray | None:
        """Return the bias of a layer that reads, if it has one."""
        return self.network.parameters.get(f"{reader.layer}.bias")

    def select(self, kept: Mapping[str, np.ndarray], rewrite: Rewrite | None) -> Selection:
        """Return the masks that leave the kept units, with the outgoing weights rewritten.

        A removed unit loses its incoming row (its filter) and its outgoing columns.
        """
        touched = dict.fromkeys(name for layer in self.layers.values() for name in layer.touches)
        shapes = {name: self.network.prunable[name] for name in touched}
        masks = unit_masks(self.layers, kept, shapes)
        repaired = {}
        for name, layer in self.layers.items() if rewrite is not None else ():
            assert rewrite is not None
            for reader in layer.readers:
                weight, bias = rewrite(reader, self.weight(reader), self.bias(reader), kept[name])
                repaired[f"{reader.layer}.weight"] = weight
                if bias is not None:
                    repaired[f"{reader.layer}.bias"] = bias
        return Selection(masks=masks, repaired=repaired)
