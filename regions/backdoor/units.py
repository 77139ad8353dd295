"""The hidden units of a plain chain of layers, and the masks that remove some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks import Graph, as_network
from regions.networks.steps import AvgPool, Conv, Input, Linear, Move, ReLU, Step
from regions.pruning import Masks
from regions.pruning.model.reading import read_model
from regions.pruning.removal.units import UnitLayer, removable, unit_masks


@dataclass(frozen=True, eq=False)
class HiddenUnits:
    """The hidden units of a network in order: output channels of each layer but the last.

    A unit is one neuron of a linear layer or one channel of a convolution. Sets and scores of
    units are arrays over all of them, layer after layer.

    Attributes
    ----------
    layers : mapping of str to UnitLayer
        The hidden layers, by the name of the module, and what reads their units.
    weights : mapping of str to array
        Weight of every layer, the output layer included; pruned entries are 0.
    biases : mapping of str to array
        Bias of every layer, zeros where it has none.
    present : Masks
        The masks that the model carries already.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = [(np.ones((3, 2)), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))]
    >>> units = HiddenUnits.of(pairs)
    >>> units.total, units.masks(np.array([False, True, False]))["output"].tolist()
    (3, [[True, False, True]])
    """

    layers: Mapping[str, UnitLayer] = field(repr=False)
    weights: Mapping[str, np.ndarray] = field(repr=False)
    biases: Mapping[str, np.ndarray] = field(repr=False)
    present: Masks = field(repr=False)

    @classmethod
    def of(cls, model: Any, input_shape: tuple[int, ...] | None = None) -> HiddenUnits:
        """Read the units of `model`, which is left untouched.

        Parameters
        ----------
        model : torch.nn.Module, list of (W, b), path of an ONNX file, or ReLUNetwork
        input_shape : tuple of int, optional
            As `as_network` needs it.

        Raises
        ------
        UnsupportedModelError
            If the layers are no plain chain of linear or ungrouped convolutional layers with
            ReLUs between them (average pooling and flattening are allowed): with residual
            additions several layers share a unit, and normalisation layers make a silent unit
            speak again, so fold them first.
        """
        reading = read_model(model, input_shape)
        layers = _chain(reading.require_exact("removing units"))
        network = as_network(model, input_shape)
        zero = {name: np.zeros(weight.shape[0]) for name, weight in reading.weights.items()}
        biases = {
            name: np.asarray(network.parameters.get(f"{name}.bias", none))
            for name, none in zero.items()
        }
        return cls(
            layers=layers,
            weights=reading.weights,
            biases=biases,
            present=Masks.from_model(model, input_shape),
        )

    @cached_property
    def widths(self) -> dict[str, int]:
        """Units per hidden layer."""
        return {name: layer.size for name, layer in self.layers.items()}

    @property
    def total(self) -> int:
        """Number of hidden units."""
        return sum(self.widths.values())

    @cached_property
    def layer(self) -> np.ndarray:
        """Number (0, 1, ...) of the hidden layer of each unit."""
        return np.repeat(np.arange(len(self.widths)), list(self.widths.values()))

    def split(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return one array per hidden layer of `values`, whose last axis runs over all units."""
        if np.ndim(values) < 1 or np.shape(values)[-1] != self.total:
            raise ArgumentError(
                f"got an array of shape {np.shape(values)}; expected one entry per hidden unit on "
                f"the last axis: {self.total} ({dict(self.widths)})"
            )
        ends = np.cumsum(list(self.widths.values()))[:-1]
        return dict(zip(self.widths, np.split(np.asarray(values), ends, axis=-1), strict=True))

    def standardise(self, values: np.ndarray) -> np.ndarray:
        """Return `values` minus their layer's mean, over their layer's standard deviation.

        Values that are equal throughout a layer become 0.
        """
        parts = []
        for part in self.split(values).values():
            spread = part.std()
            flat = spread <= 1e-12 * np.abs(part).max(initial=1e-300)
            parts.append(np.zeros(part.shape) if flat else (part - part.mean()) / spread)
        return np.concatenate(parts)

    @cached_property
    def strengths(self) -> dict[str, np.ndarray]:
        """Norm of the kernel between each two units, per layer (units, units or inputs before).

        Before the first layer the "units" are input channels (or features of a linear layer);
        after a flattening a kernel holds the weights to all positions of a channel.
        """
        before = [self.weights[next(iter(self.weights))].shape[1], *self.widths.values()]
        kernels = zip(self.weights.items(), before, strict=True)
        return {
            name: np.linalg.norm(weight.reshape(len(weight), count, -1), axis=2)
            for (name, weight), count in kernels
        }

    def masks(self, removed: np.ndarray) -> Masks:
        """Return masks that remove the units marked in `removed` (boolean, one per unit).

        All weights into and out of a unit go. Its bias stays, since biases are never masked: the
        unit may still be a constant, but nothing reads it, so it has no effect.

        Raises
        ------
        ArgumentError
            If `removed` is not boolean with one entry per unit.
        """
        kept = {name: ~part for name, part in self.split(as_marks(removed)).items()}
        left = unit_masks(self.layers, kept, self.present.shapes)
        arrays = {name: mask & left[name] for name, mask in self.present.items()}
        return Masks(arrays, self.present.graph, self.present.note)


def as_marks(removed: np.ndarray) -> np.ndarray:
    """Return `removed` if it is a boolean vector; 0/1 numbers would be negated wrongly."""
    marks = np.asarray(removed)
    if marks.dtype != bool or marks.ndim != 1:
        raise ArgumentError(
            f"removed must be a boolean vector, one entry per hidden unit; got shape "
            f"{marks.shape}, dtype {marks.dtype}"
        )
    return marks


def _chain(graph: Graph) -> dict[str, UnitLayer]:
    """Return the hidden layers of a chain whose units can be removed one by one, or refuse it."""
    names = list(graph.prunable)
    layers = removable(graph, names[:-1], "HiddenUnits")
    ends = [step.name for step in graph.steps if step.module == names[-1]]
    if not layers or ends != [graph.steps[-1].name]:
        raise UnsupportedModelError(
            "expected a chain with hidden units whose last layer gives the outputs"
        )
    for (name, layer), after in zip(layers.items(), names[1:], strict=True):
        if [reader.layer for reader in layer.readers] != [after]:
            raise UnsupportedModelError(
                f"units are removed from plain chains of layers, but those of {name!r} are read by "
                f"{[reader.layer for reader in layer.readers]}, not by {after!r} alone"
            )
    if others := [step for step in graph.steps if not _is_plain(step, graph, names[-1])]:
        raise UnsupportedModelError(
            "units are removed from plain chains: linear layers on one vector or ungrouped "
            f"convolutions, one ReLU right after each, pooling, flattening; {others[0].name!r} "
            f"({others[0].kind}) is another step"
        )
    return layers


def _is_plain(step: Step, graph: Graph, last: str) -> bool:
    """Tell whether a unit that gives 0 before its ReLU is silent behind this step too."""
    if isinstance(step, (Conv, Linear)):
        whole = step.groups == 1 if isinstance(step, Conv) else len(step.shape) == 1
        below = [isinstance(other, ReLU) for other in graph.steps if step.name in other.inputs]
        return whole and (step.module == last or below == [True])
    if isinstance(step, Move):
        return step.reshapes and len(step.shape) == 1
    return isinstance(step, (Input, AvgPool)) or (isinstance(step, ReLU) and step.slope == 0)
