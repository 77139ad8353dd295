"""`as_network`: any supported model -> `ReLUNetwork`, proved equal to the model."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from regions.errors import ArgumentError, DataError, UnsupportedModelError
from regions.networks.graph import Graph
from regions.networks.network import ReLUNetwork
from regions.networks.read_sklearn import is_perceptron, read_perceptron


def as_network(
    model: Any, input_shape: Sequence[int] | None = None, output: str | int | None = None
) -> ReLUNetwork:
    """Return `model` as a `ReLUNetwork`, verified against the model's own outputs.

    Parameters
    ----------
    model : Module or ExportedProgram of torch, list of (W, b), ONNX file, scikit-learn MLP, or net
        Modules are read in eval mode with the weights that they would use now: pruned ones
        (``torch.nn.utils.prune``, parametrizations) as ``weight_orig * weight_mask``. In a list,
        W has shape (outputs, inputs), b has shape (outputs,) or is None, every layer but the last
        is followed by a ReLU, and the layers are called "layer1", "layer2", ..., "output". Of a
        fitted MLPClassifier the softmax or sigmoid is left off.
    input_shape : sequence of int, optional
        Shape of one input without the batch axis, such as (1, 28, 28). Needed for modules whose
        first layer is not Linear.
    output : str or int, optional
        Which output is meant where a model returns several: a position in a tuple, or a name.
        "logits" leaves a final softmax, log-softmax or sigmoid off, which the result says in
        `left_off`.

    Returns
    -------
    ReLUNetwork
        A frozen description in float64. The model is left as it was: only a copy of it is run, in
        eval mode, twice or three times; hooks are part of the function and are called.

    Raises
    ------
    UnsupportedModelError
        If an operation has no exact piecewise-linear form here, or values of the input reach
        Python (as numbers, text or NumPy arrays), so that control flow may depend on them; it
        names the node and operation.
    ConversionError
        If the description and the model disagree by more than rounding, or two runs of the model
        with each other, because of a state, of chance, or of the size or type of the batch; or if
        the model uses what it changes from call to call (counters, sizes of lists, generators).
    ArgumentError
        If weights are not finite or shapes do not fit.

    Notes
    -----
    A module is read from the operations that its own run dispatches, with the memory that they
    share, and not from its source: changes in place (also through views and slices), default
    arguments, hooks, parametrizations and constant control flow count as they run. A first run in
    the model's own number type and a second one in float64, on inputs at which units change sign,
    must make the same description, whose preactivations and outputs are compared with the run's.
    Casts between number types of the model are taken as exact: a model in half precision or
    bfloat16 is the function of its weights' values in float64.

    Not seen, so that a model which uses it is read wrongly unless it shows at the test inputs: what
    other threads, processes and libraries compute from values (memory handed over by
    ``torch.utils.dlpack.to_dlpack``, threads that are started); and state that changes outside of
    the model and of the user's own modules, functions and objects around it: files, clocks, the
    environment, objects of other libraries. Hooks that print values must be removed first.

    Supported: Linear, convolutions in one to three dimensions, transposed ones too, BatchNorm
    (eval), all kinds of average pooling, max pooling and adaptive max pooling, maxima and minima
    of tensors and over axes (maxout), means, sums and running sums over other axes than the batch,
    ReLU, LeakyReLU, PReLU, ReLU6, Hardtanh, Hardsigmoid, Softshrink, clamp, abs (as modules,
    functions, methods, in place), choices by a comparison that are continuous (``where(x > 0, a,
    b)``, ``x * (x > 0)``, masked fills), additions, multiplication by constants, products with
    constant matrices, interpolation (nearest, linear, cubic), Dropout and Identity, and everything
    that only moves values (flatten, view, permute, slices, indices, assignments, cat, stack, chunk,
    roll, padding, pixel and channel shuffle). Units and regions: see
    `regions.networks.pieces`.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> net([[1.0, -2.0]]).tolist()
    [[1.0]]
    """
    shape = None if input_shape is None else _sizes(input_shape)
    if output is not None and (isinstance(output, bool) or not isinstance(output, (str, int))):
        raise ArgumentError(f"output is {output!r}; expected a name, a position, or 'logits'")
    if isinstance(model, ReLUNetwork):
        return _of_shape(model, shape)
    if isinstance(model, Mapping):
        raise UnsupportedModelError(
            f"a mapping with keys {list(model)[:3]}... looks like a state_dict, which holds no "
            "order of layers and no activations; load it into its module and give the module"
        )
    if isinstance(model, (str, Path)):
        return _of_shape(_from_file(Path(model), output), shape)
    torch = sys.modules.get("torch")  # a module can only come from a torch already imported
    if torch is not None and isinstance(model, (torch.nn.Module, torch.export.ExportedProgram)):
        from regions.networks.read_torch import read_module, read_program

        if isinstance(model, torch.nn.Module):
            return read_module(model, shape, output)
        return _of_shape(read_program(model, output), shape)
    if isinstance(model, (list, tuple)):
        return _of_shape(_from_arrays(model), shape)
    if is_perceptron(model):
        return _of_shape(read_perceptron(model), shape)
    raise UnsupportedModelError(
        f"cannot read a {type(model).__name__}; expected a torch.nn.Module, a list of (W, b) "
        "pairs, the path of an .onnx file, a fitted MLPClassifier or MLPRegressor, or a ReLUNetwork"
    )


def as_wiring(
    model: Any, input_shape: Sequence[int] | None = None
) -> tuple[Graph, Mapping[str, np.ndarray]]:
    """Return which value of a network can reach which, and its weights as they act.

    Unlike `as_network` it takes any feed-forward module: what is not piecewise linear (gates,
    attention, smooth activations, normalisation) is known by what depends on what.

    Parameters
    ----------
    model, input_shape
        As for `as_network`.

    Returns
    -------
    graph : Graph
        With steps of kind "mix" where an operation has no exact form.
    parameters : mapping
        ``"fc1.weight"``, ``"fc1.bias"``, ... in float64.

    Raises
    ------
    UnsupportedModelError
        If values of the input reach Python, samples of a batch are mixed, or the model draws at
        random.

    Examples
    --------
    >>> import torch, regions
    >>> from regions.networks import as_wiring
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 2))
    >>> graph, parameters = as_wiring(model)
    >>> dict(graph.prunable), graph.is_exact
    ({'0': (4, 3), '2': (2, 4)}, False)
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from regions.networks.read_torch import wire_module

        return wire_module(model, None if input_shape is None else _sizes(input_shape))
    net = as_network(model, input_shape)
    return net.graph, net.parameters


def _sizes(input_shape: Any) -> tuple[int, ...]:
    try:
        shape = tuple(index(size) for size in input_shape)
    except TypeError:
        shape = ()
    if not shape or min(shape) < 1 or isinstance(input_shape, Mapping):
        raise ArgumentError(
            f"input_shape is {input_shape!r}; expected positive sizes, without the batch "
            "axis, such as (784,) or (1, 28, 28)"
        )
    return shape


def _of_shape(net: ReLUNetwork, shape: tuple[int, ...] | None) -> ReLUNetwork:
    if shape not in (None, net.input_shape):
        raise ArgumentError(
            f"input_shape is {shape}, but the model's inputs have shape {net.input_shape}; leave "
            "it out"
        )
    return net


def _from_file(path: Path, output: str | int | None) -> ReLUNetwork:
    if path.suffix != ".onnx":
        raise UnsupportedModelError(
            f"cannot read {path.name!r}: files must be .onnx; load other formats yourself and "
            "give the torch.nn.Module"
        )
    try:
        found = path.is_file()
    except (OSError, ValueError) as error:
        raise DataError(f"the path {str(path)[:80]!r} cannot be read: {error.args[-1]}") from None
    if not found:
        raise DataError(f"no file {path}; check the path")
    from regions.networks.read_onnx import read_onnx

    return read_onnx(path, output)


def _from_arrays(pairs: Sequence) -> ReLUNetwork:
    from regions.networks.builder import Builder

    layers = [_pair(position, pair) for position, pair in enumerate(pairs)]
    if not layers:
        raise ArgumentError("the list of layers is empty; give at least one (W, b) pair")
    builder = Builder((layers[0][0].shape[1],))
    value = builder.input
    for position, (weight, bias) in enumerate(layers):
        last = position == len(layers) - 1
        if weight.shape[1] != value.shape[0]:
            raise ArgumentError(
                f"pair {position} has W of shape {weight.shape}, but it is fed {value.shape[0]} "
                "values; W must be (outputs, inputs)"
            )
        value = builder.linear(value, weight, bias, "output" if last else f"layer{position + 1}")
        if not last:
            value = builder.relu(value)
    return builder.finish(value)


def _pair(position: int, pair: Any) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        weight, bias = pair
        weight = _array(weight)
        bias = None if bias is None else _array(bias)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ArgumentError(
            f"pair {position} is not (W, b) with numbers: {error}; give arrays of shapes "
            "(outputs, inputs) and (outputs,), or None for no bias"
        ) from None
    if (
        weight.ndim != 2
        or 0 in weight.shape
        or (bias is not None and bias.shape != weight.shape[:1])
    ):
        raise ArgumentError(
            f"pair {position} has W of shape {weight.shape} and b of shape "
            f"{None if bias is None else bias.shape}; expected (outputs, inputs) and (outputs,)"
        )
    return weight, bias


def _array(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # a torch tensor or Parameter, on any device, of any type
        values = values.detach().cpu()
        values = (values if values.is_complex() else values.double()).numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "biufO" or np.ma.is_masked(values):
        kind = "masked" if np.ma.is_masked(values) else array.dtype
        raise TypeError(f"an array of type {kind} holds no plain real numbers")
    return array.astype(np.float64)
