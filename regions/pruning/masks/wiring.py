"""The wiring in a file of masks: read back, and refused if it could not be run."""

from __future__ import annotations

from math import isfinite, prod
from typing import Any

import numpy as np

from regions.networks.graph import Graph
from regions.networks.steps import Add, AvgPool, Conv, Input, Linear, Move, ReLU, Step

_LARGEST = 2**31


def read_graph(text: str) -> Graph:
    """Return the graph that `Graph.to_json` wrote.

    Raises
    ------
    ValueError or another error of Python
        If the text is no graph, or one whose steps do not fit each other.
    """
    graph = Graph.from_json(text)
    if not graph.steps or len(graph.by_name) < len(graph.steps):
        raise ValueError("the wiring has no steps, or two of one name")
    shapes: dict[str, tuple[int, ...]] = {}
    for position, step in enumerate(graph.steps):
        if isinstance(step, Input) is not (position == 0) or (position > 0) is not bool(
            step.inputs
        ):
            raise ValueError(f"step {step.name!r} of the wiring is out of place")
        shapes[step.name] = _sizes(step.shape)
        if prod(step.shape) > _LARGEST or not _fits(step, [shapes[name] for name in step.inputs]):
            raise ValueError(f"step {step.name!r} of the wiring does not fit what it reads")
    return graph


def _sizes(shape: Any, least: int = 1) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= least for n in shape):
        raise ValueError(f"the wiring has the shape {shape!r:.80}")
    return shape


def _fits(step: Step, given: list[tuple[int, ...]]) -> bool:
    """Tell whether a step makes its shape from the shapes it reads."""
    if isinstance(step, Input):
        return step.inputs == ()
    if isinstance(step, Add):
        numbers = len(step.signs) == len(given) and all(map(isfinite, step.signs))
        return numbers and np.broadcast_shapes(*given) == step.shape
    (source,) = given
    if isinstance(step, Linear):
        named = isinstance(step.weight, str) and (*step.shape[:-1], step.features) == source
        return named and _sizes(step.weight_shape) == step.weight_shape
    if isinstance(step, Move):
        return _moves(step.index, prod(source), prod(step.shape))
    if isinstance(step, (Conv, AvgPool)):
        return _slides(step, source)
    if isinstance(step, ReLU) and not isfinite(step.slope):
        return False
    return np.broadcast_shapes(source, step.shape) == step.shape


def _moves(index: tuple[int, ...] | None, given: int, wanted: int) -> bool:
    if index is None:
        return given == wanted
    inside = all(type(place) is int and -1 <= place < given for place in index)
    return inside and len(index) == wanted


def _slides(step: Conv | AvgPool, source: tuple[int, ...]) -> bool:
    """Run a convolution or a pooling on tensors without values."""
    import torch

    values, parameters = torch.empty(1, *source, device="meta"), {}
    if isinstance(step, Conv):
        for numbers, least in ((step.weight_shape, 1), (step.stride, 1), (step.dilation, 1)):
            _sizes(numbers, least)
        _sizes(step.padding, 0)
        parameters[f"{step.weight}.weight"] = torch.empty(step.weight_shape, device="meta")
    return tuple(step.linear([values], parameters).shape[1:]) == step.shape
