"""The tangent kernel of one finite network, on the weights that a mask keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from regions.arguments import check_flag, check_reals
from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks import as_network
from regions.pruning import Masks
from regions.pruning.model.parameters import current_weight, prunable_modules, tied_layers
from regions.pruning.model.reading import is_module, is_parameter
from regions.theory.perceptron import carried_masks, read_perceptron
from regions.theory.perceptron_ntk import Factor, perceptron_ntk
from regions.theory.points import read_points, squeeze_kernel

Factors = dict[str, Factor]


def empirical_ntk(
    model: Any,
    x: Any,
    y: Any = None,
    masks: Mapping[str, Any] | None = None,
    *,
    scales: Sequence[float] | None = None,
    progress: bool = False,
) -> Any:
    """Return the neural tangent kernel of a network: products of its parameter gradients.

    Theta(x, y) = sum over outputs k and parameters w of df_k(x)/dw df_k(y)/dw. With masks the
    network is the masked one and only kept weights are parameters. Biases and the parameters of
    normalisation count, and so do weights that are zero but not masked; frozen parameters
    (``requires_grad=False``) do not. A parameter that several layers share is one parameter, whose
    gradient is the sum over its uses.

    Parameters
    ----------
    model : list of (W, b), ReLUNetwork, or torch.nn.Module
        Lists, networks and modules must be plain perceptrons for the NumPy form; any other
        module goes through `torch.func`, in eval mode and float64. The model is left untouched.
    x, y : array of shape (rows, *input shape) or (n0,)
        Points; `y` is `x` if it is not given.
    masks : Masks or mapping of layer name to array, optional
        Layers that are not named are dense, unless they share the parameter of one that is.
        Masks that a module carries (``weight_mask`` of `torch.nn.utils.prune`) hold too.
    scales : sequence of float, optional
        One factor per prunable weight, in order: the network computes with scale * mask * weight
        and is differentiated by the unscaled weight. `ntk_scales` gives those of the tangent
        parameterisation and of rescaling after pruning. Multiplying the weights themselves
        instead would lose the squared factors in the kernel. Biases are not scaled.

    Returns
    -------
    array of shape (rows of x, rows of y)
        Without the axis of an argument that is a single vector; a float if both are.

    Raises
    ------
    ArgumentError
        If points, masks or scales do not fit the model, or all its parameters are frozen.
    UnsupportedModelError
        If a network without a module is no perceptron, or `torch.func` cannot differentiate it.

    Notes
    -----
    The perceptron form adds, layer by layer, (d_x * d_y)^T M (a_x * a_y) for the forward vectors a
    and backward vectors d. For n points it takes at most n^2 times half the weights operations,
    and a few n x n arrays. The other form holds Jacobians of some points at a time and computes
    those of `y` again for every block of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> net = [(np.array([[1.0, 2.0]]), None), (np.array([[3.0]]), None)]  # 3 relu(u + 2 v)
    >>> empirical_ntk(net, [1.0, 1.0])  # gradients (3 u, 3 v) and u + 2 v = 3: 9 + 9 + 9
    27.0
    >>> empirical_ntk(net, [1.0, 1.0], masks={"layer1": [[1, 0]]})  # 3 relu(u): gradients 3 u and u
    10.0
    """
    _check_list(model)
    check_flag(progress, "progress")
    points, single_x = read_points("x", x)
    others, single_y = (points, single_x) if y is None else read_points("y", y)
    perceptron = read_perceptron(model, points.shape[1:])
    if perceptron is not None:
        factors = _factors(perceptron.shapes, masks, scales, carried_masks(model))
        kernel = perceptron_ntk(
            perceptron, *_flat(points, others, perceptron.inputs), factors, progress
        )
    elif is_module(model):
        from regions.theory.module_ntk import module_ntk

        modules: dict[str, Any] = prunable_modules(model)
        shapes = {name: tuple(current_weight(module).shape) for name, module in modules.items()}
        factors = _factors(shapes, masks, scales, {})
        factors = _share_masks(factors, tied_layers(model, modules))
        kernel = module_ntk(model, points, others, factors, progress)
    else:
        raise UnsupportedModelError(
            f"{as_network(model)!r} is no plain chain of linear layers and ReLU; give the "
            "torch.nn.Module, which torch.func can differentiate"
        )
    return squeeze_kernel(kernel, single_x, single_y)


def _check_list(model: Any) -> None:
    """Refuse lists of a module's own parameters where the list loses what they are."""
    if not isinstance(model, (list, tuple)) or not all(isinstance(p, tuple) for p in model):
        return
    parameters = [value for pair in model for value in pair if is_parameter(value)]
    shared = len({id(value) for value in parameters}) < len(parameters)
    if shared or not all(value.requires_grad for value in parameters):
        raise ArgumentError(
            "the list holds parameters that are shared between layers or frozen, which a list "
            "cannot say; give the torch.nn.Module"
        )


def _flat(x: np.ndarray, y: np.ndarray, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    for name, points in (("x", x), ("y", y)):
        if points[0].size != inputs:
            raise ArgumentError(
                f"{name} has points of shape {points.shape[1:]}, but the network has {inputs} "
                "inputs; give (rows, *input shape)"
            )
    flat = x.reshape(len(x), -1)
    return flat, flat if y is x else y.reshape(len(y), -1)


def _factors(
    shapes: Mapping[str, tuple[int, ...]],
    masks: Mapping[str, Any] | None,
    scales: Sequence[float] | None,
    carried: Mapping[str, np.ndarray],
) -> Factors:
    """Return scale and mask (None: dense) of every layer."""
    given = _read_masks(shapes, {} if masks is None else masks)
    factors = _read_scales(shapes, scales)
    together = {}
    for name in shapes:
        found = [part[name] for part in (given, carried) if name in part]
        together[name] = (factors[name], np.logical_and.reduce(found) if found else None)
    return together


def _share_masks(factors: Factors, tied: Mapping[str, str]) -> Factors:
    """Give layers that share a parameter the mask of any of them; refuse different ones."""
    given = {name: mask for name, (_, mask) in factors.items() if mask is not None}
    merged: dict[str, np.ndarray] = {}
    for name, mask in given.items():
        if not np.array_equal(merged.setdefault(tied.get(name, name), mask), mask):
            raise ArgumentError(
                f"layer {name!r} shares its weight with {tied.get(name, name)!r}, but they have "
                "different masks; give one of them"
            )
    return {n: (scale, merged.get(tied.get(n, n))) for n, (scale, _) in factors.items()}


def _read_masks(
    shapes: Mapping[str, tuple[int, ...]], masks: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    if not isinstance(masks, Mapping):
        raise ArgumentError(
            f"masks must be Masks or a mapping of layer name to array, got {type(masks).__name__}"
        )
    arrays = dict(Masks(masks)) if masks else {}
    for name, mask in arrays.items():
        if mask.shape != shapes.get(name):
            raise ArgumentError(
                f"mask {name!r} has shape {mask.shape}, but the prunable weights are "
                f"{dict(shapes)}; use these names and shapes"
            )
    return arrays


def _read_scales(
    shapes: Mapping[str, tuple[int, ...]], scales: Sequence[float] | None
) -> dict[str, float]:
    if scales is None:
        return dict.fromkeys(shapes, 1.0)
    values = check_reals(scales, "scales")
    if values.shape != (len(shapes),) or (values <= 0).any():
        raise ArgumentError(
            f"scales must be one positive number for each of {list(shapes)}, got {scales!r}"
        )
    return dict(zip(shapes, values.tolist(), strict=True))
