"""Reads a `torch.nn.Module` by following two of its own runs, which must agree."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import numpy as np
import torch
from torch import nn

from regions.errors import ArgumentError, ConversionError, RegionsError, UnsupportedModelError
from regions.networks.graph import Graph
from regions.networks.leaks import Leaks
from regions.networks.network import ReLUNetwork
from regions.networks.probes import FIRST, probe_points, start_points
from regions.networks.state import Kept, changed_values, kept_values, stand_in
from regions.networks.trace import Trace
from regions.networks.twin import (
    eager,
    followed_modules,
    left_alone,
    make_twin,
    number_types,
    own_tensors,
    protected_storages,
    still_generators,
    uncompiled,
)
from regions.networks.verify import verify
from regions.networks.wired import WiredTrace, attention_in_steps

_FLOAT32 = 1e-4  # what rounding may change in constants that a model computes


def read_module(
    model: nn.Module, input_shape: tuple[int, ...] | None, output: str | int | None = None
) -> ReLUNetwork:
    """Return `model` as a verified `ReLUNetwork`; the model itself is never changed."""
    model = uncompiled(model)
    twin = make_twin(model)
    shape = input_shape or _first_features(twin)
    kept, types = kept_values(model), number_types(model)
    protected = protected_storages(model, kept)

    def trace(rows: int, double: bool, known: ReLUNetwork | None = None) -> Trace:
        return Trace(shape, rows, own_tensors(twin), protected, types, double, known, output)

    alone = partial(_run, twin, shape)
    with torch.no_grad(), left_alone(model, kept), still_generators(alone):
        # the model's own run, in its own number type, then another one in float64
        own = torch.float32 if torch.float32 in types or not types else torch.float64
        first = trace(FIRST, double=own is torch.float64)
        net, _ = _follow(twin, start_points(shape, FIRST), own, first)
        twin.to(torch.float64)
        before, points = kept_values(twin), probe_points(net)
        second = trace(len(points), double=True, known=net)
        again, out = _follow(twin, points, torch.float64, second)
        _check_equal(net, again)
        changed = changed_values(before, kept_values(twin))
        written = [*second.written.values()]
        if (changed or written) and not _only_counts(
            twin, changed, written, trace(2, True, again), points[:2], again
        ):
            names = [kept.name for kept in changed] + [second.name_of(value) for value in written]
            raise ConversionError(
                f"the forward pass changes {names} of the model and uses it, so its function may "
                "differ from call to call; give a model without state"
            )
    source = f"the model ({type(model).__name__})"
    verify(again, points, {**second.preactivations, None: out}, source)
    return again


def wire_module(
    model: nn.Module, input_shape: tuple[int, ...] | None
) -> tuple[Graph, Mapping[str, np.ndarray]]:
    """Return the wiring of `model` and its weights as they act; the model is never changed."""
    model = uncompiled(model)
    twin = make_twin(model)
    shape = input_shape or _first_features(twin)
    kept, types = kept_values(model), number_types(model)
    protected = protected_storages(model, kept)
    alone = partial(_run, twin, shape)
    with torch.no_grad(), left_alone(model, kept), still_generators(alone), attention_in_steps():
        twin.to(torch.float64)
        found = []
        for rows in (2, 5):
            trace = WiredTrace(shape, rows, own_tensors(twin), protected, types, double=True)
            found.append(_follow(twin, start_points(shape, rows), torch.float64, trace)[0])
    _check_equal(*found)
    return found[0].graph, found[0].parameters


def _only_counts(
    twin: nn.Module,
    changed: list[Kept],
    written: list[torch.Tensor],
    trace: Trace,
    points: np.ndarray,
    net: ReLUNetwork,
) -> bool:
    """Tell whether what changes is only added to and printed, or never read."""
    read: list[str] = []
    tensors = [kept.value for kept in changed if isinstance(kept.value, torch.Tensor)]
    others = [kept for kept in changed if not isinstance(kept.value, torch.Tensor)]
    try:
        for value in [*tensors, *written]:
            trace.memory.spoil(value, UnsupportedModelError("it depends on earlier calls"))
        if not all(stand_in(kept, read) for kept in others):
            return False
        again, _ = _follow(twin, points, torch.float64, trace)
        _check_equal(net, again)
    except RegionsError:
        return False
    finally:
        for kept in others:
            if kept.replace is not None:
                kept.replace(kept.value)
    return not read


def read_program(
    program: torch.export.ExportedProgram, output: str | int | None = None
) -> ReLUNetwork:
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
        try:
            module = program.module()
        except Exception as error:  # whatever torch makes of an incomplete program
            raise UnsupportedModelError(
                f"the exported program is not complete ({type(error).__name__}: {error}); export "
                "and save it again"
            ) from error
        return read_module(module, tuple(int(size) for size in values[0].shape[1:]), output)


def _first_features(model: nn.Module) -> tuple[int, ...]:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            return (module.in_features,)
        own = not type(module).__module__.startswith("torch.")
        matrix = own and any(value.ndim > 1 for value in module.parameters(recurse=False))
        if matrix and isinstance(features := getattr(module, "in_features", None), int):
            return (features,)
        if matrix or isinstance(module, (nn.Conv1d, nn.Conv2d)):
            break
    raise ArgumentError(
        f"the shape of {type(model).__name__}'s input cannot be read from it; give input_shape, "
        "the shape of one input without the batch axis, such as (1, 28, 28)"
    )


def _follow(
    twin: nn.Module, points: np.ndarray, dtype: torch.dtype, trace: Trace
) -> tuple[ReLUNetwork, np.ndarray]:
    """Return the network that a run on `points` makes, and the outputs of the run."""
    batch = torch.tensor(points, dtype=dtype)  # a copy: a model may change its input in place
    trace.begin(batch)
    try:
        with eager(), followed_modules(twin, trace), Leaks(trace), trace:
            out = twin(batch)
    except Exception as error:
        if trace.refusal is not None:
            raise trace.refusal from None
        raise ArgumentError(
            f"the model cannot be run on a batch of shape {points.shape} and type {dtype} "
            f"({type(error).__name__}: {error}); check input_shape and the forward pass"
        ) from error
    out = trace.final.chosen(out)
    net, left = trace.end(out), trace.final.left_off(out, trace.memory)
    return net, out.double().numpy() if left is None else left.values


def _run(twin: nn.Module, shape: tuple[int, ...]) -> None:
    """Run the copy on its own; what is wrong with it is said elsewhere."""
    dtype = next(iter(number_types(twin)), torch.float64)
    with eager(), suppress(Exception):
        twin(torch.tensor(start_points(shape, FIRST), dtype=dtype))


def _check_equal(net: ReLUNetwork, again: ReLUNetwork) -> None:
    """Raise ConversionError unless two runs made the same network, up to float32 rounding."""
    if net.graph != again.graph:
        steps = zip(net.graph.steps, again.graph.steps, strict=False)
        differ = next((f"{a.name!r}: {a.kind}/{b.kind}" for a, b in steps if a != b), "the end")
    elif net.parameters.keys() != again.parameters.keys():
        differ = f"parameters {sorted(net.parameters.keys() ^ again.parameters.keys())}"
    else:
        unequal = [k for k, v in net.parameters.items() if not _close(v, again.parameters[k])]
        if not unequal:
            return
        differ = f"parameter {unequal[0]!r}"
    raise ConversionError(
        f"two runs of the model did not compute the same function: they differ at {differ}. It "
        "depends on earlier calls, on the size or number type of the batch, on a hook's state or "
        "on chance; give a model that does not"
    )


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two constants are the same; some are computed in float32 the first time."""
    return one is other or (
        one.shape == other.shape
        and bool((np.abs(one - other) <= _FLOAT32 * np.abs(other).max(initial=0.0)).all())
    )
