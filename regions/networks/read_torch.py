"""Reads a `torch.nn.Module` by following two of its own runs, which must agree."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import nn

from regions.errors import ArgumentError, ConversionError, RegionsError, UnsupportedModelError
from regions.networks.network import ReLUNetwork
from regions.networks.probes import probe_points, start_points
from regions.networks.trace import Leaks, Trace
from regions.networks.twin import (
    check_settings,
    followed_modules,
    make_twin,
    own_tensors,
    settings,
    short_types,
    still_generators,
    storages,
    without_silent_hooks,
)
from regions.networks.verify import verify


def read_module(model: nn.Module, input_shape: tuple[int, ...] | None) -> ReLUNetwork:
    """Return `model` as a verified `ReLUNetwork`; the model itself is never changed."""
    twin = make_twin(model)
    shape = input_shape or _first_features(twin)
    protected, halves = storages(model), short_types(model)

    def trace(points: np.ndarray, known: ReLUNetwork | None = None) -> Trace:
        return Trace(shape, len(points), own_tensors(twin), protected, halves, known)

    with torch.no_grad(), still_generators():
        points = start_points(shape, rows=2)
        first = trace(points)
        with without_silent_hooks(twin, first):
            net, _ = _follow(twin, points, first)
        before, points = settings(twin), probe_points(net)
        second = trace(points, net)
        again, out = _follow(twin, points, second)
        check_settings(before, settings(twin))
    _check_equal(net, again)
    verify(net, points, {**second.preactivations, None: out}, _source(model))
    return net


def _source(model: nn.Module) -> str:
    return f"the model ({type(model).__name__})"


def read_program(program: torch.export.ExportedProgram) -> ReLUNetwork:
    """Return a program saved by torch.export as a verified `ReLUNetwork`."""
    inputs = {name for name in program.graph_signature.user_inputs if isinstance(name, str)}
    values = [node.meta["val"] for node in program.graph.nodes if node.name in inputs]
    if len(values) != 1 or isinstance(values[0].shape[0], int):
        raise UnsupportedModelError(
            f"the exported program takes {len(values)} input(s) of shapes "
            f"{[tuple(value.shape) for value in values]}; expected one with a free batch axis: "
            "export with dynamic_shapes=({0: torch.export.Dim('batch')},)"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about its own internals
        return read_module(program.module(), tuple(int(size) for size in values[0].shape[1:]))


def _first_features(model: nn.Module) -> tuple[int, ...]:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            return (module.in_features,)
        if isinstance(module, (nn.Conv1d, nn.Conv2d)):
            break
    raise ArgumentError(
        f"the shape of {type(model).__name__}'s input cannot be read from it; give input_shape, "
        "the shape of one input without the batch axis, such as (1, 28, 28)"
    )


def _follow(twin: nn.Module, points: np.ndarray, trace: Trace) -> tuple[ReLUNetwork, np.ndarray]:
    """Return the network that a run on `points` makes, and the outputs of the run."""
    batch = torch.from_numpy(points.copy())  # a model may change its input in place
    trace.begin(batch)
    try:
        with followed_modules(twin, trace), Leaks(trace), trace:
            out = twin(batch)
    except Exception as error:
        if trace.refusal is not None:
            raise trace.refusal from None
        if isinstance(error, RegionsError):
            raise
        raise ArgumentError(
            f"the model cannot be run on a float64 batch of shape {points.shape}: {error}; check "
            "input_shape"
        ) from error
    net = trace.end(out)
    return net, out.numpy()


def _check_equal(net: ReLUNetwork, again: ReLUNetwork) -> None:
    """Raise ConversionError unless two runs made the same network."""
    if net.graph != again.graph:
        steps = zip(net.graph.steps, again.graph.steps, strict=False)
        differ = next((f"{a.name!r}: {a.kind}/{b.kind}" for a, b in steps if a != b), "the end")
    else:
        names = net.parameters.keys() | again.parameters.keys()
        unequal = [
            name
            for name in sorted(names)
            if name not in net.parameters
            or name not in again.parameters
            or not np.array_equal(net.parameters[name], again.parameters[name])
        ]
        if not unequal:
            return
        differ = f"parameter {unequal[0]!r}"
    raise ConversionError(
        f"two runs of the model did not compute the same function: they differ at {differ}. It "
        "depends on earlier calls, on the size of the batch, on a hook's state or on chance; give "
        "a model that does not"
    )
