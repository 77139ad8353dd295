"""The wiring in a file of masks: read back, and refused if it could not be run."""

from __future__ import annotations

from math import isfinite, prod
from typing import Any, get_args

import numpy as np

from regions.networks.graph import Graph
from regions.networks.mix import How, Mix
from regions.networks.steps import (
    Add,
    AvgPool,
    Conv,
    ConvTranspose,
    Input,
    Linear,
    Move,
    ReLU,
    Step,
)
from regions.networks.windows import Pairs, Part, Shift, Window

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
    if isinstance(step, Mix):
        return _depends(step, given)
    (source,) = given
    if isinstance(step, (Window, Pairs)):
        return _places(step, source)
    if isinstance(step, Linear):
        named = isinstance(step.weight, str) and (*step.shape[:-1], step.features) == source
        return named and _sizes(step.weight_shape) == step.weight_shape
    if isinstance(step, Shift):
        whole = type(step.shift) is int and step.length == prod(source)
        return whole and -prod(step.shape) < step.shift < step.length
    if isinstance(step, Move):
        return _moves(step.index, prod(source), prod(step.shape))
    if isinstance(step, (Conv, ConvTranspose, AvgPool)):
        return _slides(step, source)
    if isinstance(step, ReLU) and not isfinite(step.slope):
        return False
    return np.broadcast_shapes(source, step.shape) == step.shape


def _moves(index: tuple[int, ...] | None, given: int, wanted: int) -> bool:
    if index is None:
        return given == wanted
    inside = all(type(place) is int and -1 <= place < given for place in index)
    return inside and len(index) == wanted


def _places(step: Window | Pairs, source: tuple[int, ...]) -> bool:
    """Tell whether a window or the slots of a knockout read within what they are given."""
    if isinstance(step, Window):
        numbers = (step.sides, step.kernel, step.stride, step.dilation)
        if any(len(_sizes(part)) != len(step.sides) for part in numbers):
            return False
        _sizes(step.padding, 0)
        slots = prod(step.kernel) == step.shape[0] and len(step.padding) == len(step.sides)
        return slots and (step.shape[1], *step.sides) == source
    if step.part not in get_args(Part) or type(step.slots) is not int or step.slots < 2:
        return False
    pairs, after = step.slots // 2, -(-step.slots // 2)
    counts = {"ahead": (step.slots, after), "padded": (pairs, after)}
    given, wanted = counts.get(step.part, (step.slots, pairs))
    last = step.slots * prod(step.shape[2:])
    absent = all(type(place) is int and 0 <= place < last for place in step.absent)
    return absent and source == (given, *step.shape[1:]) and step.shape[0] == wanted


def _depends(step: Mix, given: list[tuple[int, ...]]) -> bool:
    """Run a step of which only the wiring is known on tensors without values."""
    import torch

    if step.how not in get_args(How) or _sizes(step.axes, 0) != step.axes:
        return False
    values = [torch.empty(1, *shape, device="meta") for shape in given]
    return tuple(step.sizes(values, {}).shape[1:]) == step.shape


def _slides(step: Conv | ConvTranspose | AvgPool, source: tuple[int, ...]) -> bool:
    """Run a convolution or a pooling on tensors without values."""
    import torch

    values, parameters = torch.empty(1, *source, device="meta"), {}
    if isinstance(step, (Conv, ConvTranspose)):
        for numbers, least in ((step.weight_shape, 1), (step.stride, 1), (step.dilation, 1)):
            _sizes(numbers, least)
        _sizes(step.padding, 0)
        parameters[f"{step.weight}.weight"] = torch.empty(step.weight_shape, device="meta")
    return tuple(step.linear([values], parameters).shape[1:]) == step.shape
