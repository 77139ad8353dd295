"""Hidden units as whole things to remove: which layer makes them, and which weights read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from regions.errors import UnsupportedModelError
from regions.networks import as_network
from regions.networks.graph import Graph
from regions.networks.steps import Add, AvgPool, Conv, Linear, Move, ReLU, Step


@dataclass(frozen=True, eq=False)
class Reader:
    """A layer that reads units.

    Attributes
    ----------
    step, layer : str
        Its step in the graph, and its name.
    columns : array of int, one per input of the layer (axis 1 of its weight)
        The unit that this input holds, or -1 where it holds none (zero channels).
    """

    step: str
    layer: str
    columns: np.ndarray


@dataclass(frozen=True, eq=False)
class UnitLayer:
    """A layer whose units (rows or filters) can be removed, and the layers that read them."""

    name: str
    size: int
    readers: tuple[Reader, ...]

    @property
    def touches(self) -> tuple[str, ...]:
        """The layers that lose weights with a unit: its own and those that read it."""
        return (self.name, *(reader.layer for reader in self.readers))


class _Shared(Exception):
    """Why the units of a layer cannot be removed."""


def unit_layers(model: Any, input_shape: tuple[int, ...] | None = None) -> dict[str, int]:
    """Return the layers whose hidden units can be removed one by one, and how many each has.

    These are the layers that feed a ReLU layer and whose units no other layer shares: units that
    are added to others (residual branches) are indexed together with those, so the layers on
    either side of an addition are left out, and so are layers that feed grouped convolutions.

    Parameters
    ----------
    model : torch.nn.Module, list of (W, b), path of an ONNX file, or ReLUNetwork
    input_shape : tuple of int, optional
        As for `regions.as_network`.

    Examples
    --------
    >>> import numpy as np
    >>> unit_layers([(np.ones((3, 2)), None), (np.ones((4, 3)), None), (np.ones((1, 4)), None)])
    {'layer1': 3, 'layer2': 4}
    """
    found, _ = find_units(as_network(model, input_shape).graph)
    return {name: layer.size for name, layer in found.items()}


def find_units(graph: Graph) -> tuple[dict[str, UnitLayer], dict[str, str]]:
    """Return the layers whose units can be removed, and for the others the reason why not."""
    found, refused = {}, {}
    for step in graph.steps:
        if isinstance(step, (Linear, Conv)):
            try:
                found[step.module] = _follow(step, graph)
            except _Shared as reason:
                refused[step.module] = str(reason)
    for name in refused:
        found.pop(name, None)
    return found, refused


def _follow(start: Linear | Conv, graph: Graph) -> UnitLayer:
    """Follow the units of one layer to all layers that read them."""
    users = [step.module for step in graph.steps if step.module is not None]
    units = start.weight_shape[0]
    numbers = np.arange(units).reshape(-1, *([1] * (len(start.shape) - 1)))
    if isinstance(start, Linear):
        numbers = np.arange(units)
    labels = {start.name: np.broadcast_to(numbers, start.shape)}
    active: set[str] = set()
    readers = []
    for step in graph.steps[graph.position[start.name] + 1 :]:
        source = next((name for name in step.inputs if name in labels), None)
        if source is None:
            continue
        if isinstance(step, (Linear, Conv)):
            if source not in active:
                raise _Shared(f"no ReLU lies between it and {step.module!r}")
            readers.append(Reader(step.name, step.module, _columns(labels[source], step)))
            continue
        labels[step.name] = _moved(labels[source], step)
        if isinstance(step, ReLU) or source in active:
            active.add(step.name)
    if graph.steps[-1].name in labels or not readers:
        raise _Shared("it gives outputs of the network")
    for name in (start.module, *(reader.layer for reader in readers)):
        if users.count(name) > 1:
            raise _Shared(f"the weight of {name!r} is used more than once")
    return UnitLayer(start.module, units, tuple(readers))


def _moved(labels: np.ndarray, step: Step) -> np.ndarray:
    if isinstance(step, Add):
        raise _Shared("its units are added to those of another branch and share their indices")
    if isinstance(step, Move):
        flat = labels.ravel()
        if not step.reshapes:
            places = step.places
            flat = np.where(places < 0, -1, flat[places])
        return flat.reshape(step.shape)
    if isinstance(step, AvgPool):
        channels = _common(labels.reshape(len(labels), -1).T, step.name)
        return np.broadcast_to(channels.reshape(-1, *([1] * (len(step.shape) - 1))), step.shape)
    return labels


def _columns(labels: np.ndarray, step: Linear | Conv) -> np.ndarray:
    if isinstance(step, Linear):
        return _common(labels.reshape(-1, step.features), step.module)
    if step.groups != 1:
        raise _Shared(f"it feeds the grouped convolution {step.module!r}")
    return _common(labels.reshape(len(labels), -1).T, step.module)


def _common(labels: np.ndarray, name: str) -> np.ndarray:
    if (labels != labels[0]).any():
        raise _Shared(f"{name!r} mixes its units")
    return labels[0].copy()


def membership(numbers: np.ndarray, size: int) -> sp.csr_array:
    """Return the 0/1 matrix (size, inputs) of which input holds which unit; -1 holds none."""
    held = np.flatnonzero(numbers >= 0)
    return sp.csr_array((np.ones(len(held)), (numbers[held], held)), shape=(size, len(numbers)))


def unit_masks(
    layers: Mapping[str, UnitLayer],
    kept: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, np.ndarray]:
    """Return masks of these shapes that leave the kept units of each layer.

    A removed unit loses its incoming row (its filter) and its outgoing columns.
    """
    masks = {name: np.ones(shape, dtype=bool) for name, shape in shapes.items()}
    for name, layer in layers.items():
        masks[name][~kept[name]] = False
        for reader in layer.readers:
            masks[reader.layer][:, ~np.append(kept[name], True)[reader.columns]] = False
    return masks


def removable(graph: Graph, names: Iterable[str], method: str) -> dict[str, UnitLayer]:
    """Return the named layers as unit layers, or refuse the first that is none, by name."""
    found, refused = find_units(graph)
    for name in names:
        if name not in found:
            raise UnsupportedModelError(
                f"{method} removes whole units, but those of layer {name!r} cannot be removed: "
                f"{refused[name]}; give densities as a mapping of layers from {list(found)} "
                "(regions.pruning.unit_layers(model, input_shape) lists them)"
            )
    return {name: found[name] for name in names}
