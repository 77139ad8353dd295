"""A network as the linear map that it is around single points: values, columns and gradients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch

from regions.neighbourhoods.walls import Walls
from regions.networks import ReLUNetwork
from regions.networks.geometry import Shape
from regions.networks.steps import AvgPool, Conv, Move, Step
from regions.networks.windows import Window


def preactivations(net: ReLUNetwork, points: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return every ReLU layer's preactivations at points, (points, units) each, and the outputs."""
    state, found = net.start(points), []
    for layer in range(len(net.relu_layers)):
        values, state = net.advance(state, layer)
        found.append(values)
        state = net.activate(state, layer, net.slopes(layer, values > 0))
    return found, net.advance(state, len(found))[0]


@dataclass(frozen=True, eq=False)
class Linearised:
    """Directions and gradients through a network whose activations are given, on torch tensors.

    Attributes
    ----------
    net : ReLUNetwork
    dtype : torch.dtype
    """

    net: ReLUNetwork
    dtype: torch.dtype

    @cached_property
    def _parameters(self) -> dict[str, torch.Tensor]:
        items = self.net.parameters.items()
        return {name: torch.as_tensor(np.array(value), dtype=self.dtype) for name, value in items}

    def layers(self, directions: torch.Tensor, slopes: list[torch.Tensor]) -> Any:
        """Yield each ReLU layer's preactivations along directions, (rows, units).

        Parameters
        ----------
        directions : (rows, n0) tensor
            As many, one after the other, for each point.
        slopes : list of (points, units) tensors
            What each layer multiplies its units by around every point; as many layers as are
            wanted, less one.
        """
        graph = self.net.graph
        values: dict[str, Any] = {"input": directions.reshape(-1, *self.net.input_shape)}
        for layer in range(len(slopes) + 1):
            values = graph.run(values, self._push, graph.segments[layer])
            yield values[graph.ends[layer]].reshape(len(directions), -1)
            if layer < len(slopes):
                relu = graph.relus[layer]
                factor = slopes[layer].reshape(-1, 1, *relu.shape)
                values = graph.run(values, lambda _, read, by=factor: _scaled(read[0], by), (relu,))

    def _push(self, step: Step, read: list[Any]) -> Any:
        return step.linear(read, self._parameters)

    def gradients(self, walls: Walls, chosen: np.ndarray, slopes: list[np.ndarray]) -> np.ndarray:
        """Return the gradient of one wall in each row, (rows, n0).

        Parameters
        ----------
        walls : Walls
        chosen : (rows,) int array
        slopes : list of (rows, units) arrays
            Of the layers up to the last that the walls are computed from.
        """
        factors = [torch.as_tensor(slope, dtype=self.dtype) for slope in slopes]
        size = (len(chosen), self.net.input_size)
        start = torch.zeros(size, dtype=self.dtype, requires_grad=True)
        found = list(self.layers(start, factors[: walls.last]))
        (gradient,) = torch.autograd.grad(walls.each(chosen, found, factors).sum(), start)
        return gradient.numpy().astype(np.float64)


def _scaled(value: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Return values, (points * directions, *shape), times a factor for each point."""
    return (value.reshape(len(factor), -1, *value.shape[1:]) * factor).reshape(value.shape)


def supports(net: ReLUNetwork) -> list[int]:
    """Return for every ReLU layer at most how many inputs one of its units reads.

    Convolutions and pooling see a window of the image, and so do maxima over one; what else moves
    values may see all of it.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0]], [0.0]), ([[1.0]], [0.0])])
    >>> supports(net)
    [2]
    """
    image = net.input_shape
    axes = image[1:] if len(image) > 1 else ()
    seen = net.graph.run(
        {"input": (tuple(1 for _ in axes), tuple(1 for _ in axes))},
        lambda step, read: _window(step, read, axes, net.graph.by_name[step.inputs[0]].shape),
        keep=True,
    )
    channels = net.input_size // prod(axes)
    return [
        channels * prod(min(n, size) for n, size in zip(seen[end][0], axes, strict=True))
        for end in net.graph.ends[: len(net.relu_layers)]
    ]


def _window(step: Step, read: list[Any], axes: tuple[int, ...], source: Shape) -> tuple:
    """Return how many inputs along each axis a step's values see, and how far apart they are."""
    sizes = tuple(max(part) for part in zip(*(one[0] for one in read), strict=True))
    gaps = tuple(max(part) for part in zip(*(one[1] for one in read), strict=True))
    whole = axes, tuple(1 for _ in axes)
    if isinstance(step, Conv) and len(step.stride) == len(axes):
        kernel, stride = step.weight_shape[2:], step.stride
        reach = [d * (k - 1) for d, k in zip(step.dilation, kernel, strict=True)]
    elif isinstance(step, AvgPool) and step.window is not None and len(step.window) == len(axes):
        stride = step.stride or step.window
        reach = [k - 1 for k in step.window]
    elif isinstance(step, Window) and len(step.stride) == len(axes):
        stride = step.stride
        reach = [d * (k - 1) for d, k in zip(step.dilation, step.kernel, strict=True)]
    elif step.kind in ("relu", "scale", "add", "pairs") or _keeps_places(step, axes, source):
        return sizes, gaps
    else:
        return whole
    grown = tuple(n + by * gap for n, by, gap in zip(sizes, reach, gaps, strict=True))
    return grown, tuple(gap * by for gap, by in zip(gaps, stride, strict=True))


def _keeps_places(step: Step, axes: tuple[int, ...], source: Shape) -> bool:
    """Tell whether a step only takes away axes of length one before those of the image."""
    count = len(axes)
    return isinstance(step, Move) and step.reshapes and step.shape[-count:] == source[-count:]
