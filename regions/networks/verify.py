"""The proof that a description and its model agree: same outputs within a rounding bound."""

from __future__ import annotations

import numpy as np

from regions.errors import ConversionError
from regions.networks.network import ReLUNetwork
from regions.networks.steps import Add, Conv, Linear, ReLU, Step

_ROUNDING = np.finfo(np.float64).eps
# what rounding may do at most, relative to the sizes met; looser bounds prove nothing
_LOOSEST = 1e-7


def probe_points(shape: tuple[int, ...], rows: int = 6) -> np.ndarray:
    """Return fixed test inputs: zeros, small, unit and large draws."""
    scales = np.resize([0.0, 0.1, 1.0, 1.0, 10.0], rows).reshape(-1, *([1] * len(shape)))
    return np.random.default_rng(0).standard_normal((rows, *shape)) * scales


def rounding_bound(net: ReLUNetwork, points: np.ndarray) -> np.ndarray:
    """Return a bound on how far two float64 evaluations of `net` at `points` can differ.

    Running error analysis: at each step the errors of the inputs pass through |W|, and a sum of k
    products adds at most k eps (|W||x| + |b|).
    """
    sizes = {name: np.abs(value) for name, value in net.parameters.items()}
    values, errors = {"input": points}, {"input": np.zeros_like(points)}
    magnitude = points
    for step in net.graph.steps[1:]:
        inputs = [values[source] for source in step.inputs]
        error = [errors[source] for source in step.inputs]
        if isinstance(step, ReLU):
            values[step.name] = step.activate(inputs[0])
            errors[step.name] = error[0] * max(1.0, abs(step.slope))
            continue
        values[step.name] = step.push(inputs, net.parameters)
        magnitude = _absolute(step, [np.abs(value) for value in inputs], sizes, 1.0)
        carried = _absolute(step, error, sizes, 0.0)
        errors[step.name] = carried + 2 * (_terms(step) + 2) * _ROUNDING * magnitude
    bound = np.minimum(errors[net.graph.steps[-1].name], _LOOSEST * (magnitude.max() + 1e-300))
    return bound + 1e-300


def _absolute(step: Step, values: list, sizes: dict, homogeneous: float) -> np.ndarray:
    if isinstance(step, Add):
        return np.sum(values, axis=0)
    return step.push(values, sizes, homogeneous)


def _terms(step: Step) -> int:
    if isinstance(step, (Linear, Conv)):
        return int(np.prod(step.weight_shape[1:], dtype=int))
    return 16


def verify(net: ReLUNetwork, points: np.ndarray, expected: np.ndarray, source: str) -> None:
    """Raise ConversionError unless `net` gives `expected` at `points` within rounding."""
    found = net(points)
    if found.shape != expected.shape:
        raise ConversionError(
            f"{source} gives outputs of shape {expected.shape[1:]}, its description "
            f"{found.shape[1:]}; please report this model"
        )
    excess = np.abs(found - expected) - rounding_bound(net, points).reshape(found.shape)
    if not (excess <= 0).all():
        raise ConversionError(
            f"{source} and its description differ by {np.abs(found - expected).max():.3g} on test "
            "inputs, more than rounding allows. A forward hook, an in-place change through a view, "
            "or randomness in eval mode can cause this; remove it and try again"
        )
