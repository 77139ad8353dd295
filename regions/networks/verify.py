"""The proof that a description and its model agree: same values within a rounding bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from regions.errors import ConversionError
from regions.networks.network import ReLUNetwork
from regions.networks.steps import Add, Conv, Linear, ReLU, Step

_ROUNDING = np.finfo(np.float64).eps
# what rounding may do at most, relative to the sizes met; looser bounds prove nothing
_LOOSEST = 1e-7


def bounded_values(
    net: ReLUNetwork, points: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield each step's name, its values at `points`, and how far another evaluation may be off.

    Running error analysis: at each step the errors of the inputs pass through |W|, and a sum of k
    products adds at most k eps (|W||x| + |b|); both take one pass. No bound exceeds 1e-7 of the
    largest |W||x| + |b|, estimated by the sizes that the pass met.
    """
    sizes = {name: np.abs(value) for name, value in net.parameters.items()}
    values, errors = {"input": points}, {"input": np.zeros_like(points)}
    for position, step in enumerate(net.graph.steps[1:], 1):
        inputs = [values[source] for source in step.inputs]
        error = [errors[source] for source in step.inputs]
        if isinstance(step, ReLU):
            value = step.activate(inputs[0])
            bound = error[0] * max(1.0, abs(step.slope))
        else:
            value = step.push(inputs, net.parameters)
            bound = _carried(step, inputs, error, sizes)
        values[step.name], errors[step.name] = value, bound
        yield step.name, value, bound
        for source in step.inputs:
            if net.graph.last_use[source] == position:
                values.pop(source, None)
                errors.pop(source, None)


def _carried(step: Step, inputs: list, errors: list, sizes: Mapping) -> np.ndarray:
    relative = 2 * (_terms(step) + 2) * _ROUNDING
    grown = [e + relative * np.abs(x) for e, x in zip(errors, inputs, strict=True)]
    if isinstance(step, Add):
        return np.sum([abs(s) * g for s, g in zip(step.signs, grown, strict=True)], axis=0)
    return step.push(grown, sizes, relative)


def _terms(step: Step) -> int:
    if isinstance(step, (Linear, Conv)):
        return int(np.prod(step.weight_shape[1:], dtype=int))
    return 16


def verify(
    net: ReLUNetwork,
    points: np.ndarray,
    expected: Mapping[str | None, np.ndarray],
    source: str,
) -> None:
    """Raise ConversionError unless `net` has the `expected` values at `points` within rounding.

    `expected` maps names of steps (None: the output) to values of the first rows of `points`.
    """
    last = net.graph.steps[-1].name
    size = 0.0  # of what is added up on the way
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused by name
        for name, value, bound in bounded_values(net, points):
            size = max(size, float(np.abs(value).max(initial=0.0)))
            for key in (name, None) if name == last else (name,):
                if key in expected:
                    _compare(key, value, np.minimum(bound, _LOOSEST * size), expected[key], source)


def _compare(
    name: str | None, value: np.ndarray, bound: np.ndarray, expected: np.ndarray, source: str
) -> None:
    where = "outputs" if name is None else f"values at step {name!r}"
    if value.shape[1:] != expected.shape[1:]:
        raise ConversionError(
            f"{source} gives {where} of shape {expected.shape[1:]}, its description "
            f"{value.shape[1:]}; please report this model"
        )
    if not (np.isfinite(value).all() and np.isfinite(expected).all()):
        raise ConversionError(
            f"{source} and its description exceed the range of float64 in the {where} on test "
            "inputs, so they cannot be compared; scale the weights down"
        )
    difference = np.abs(value[: len(expected)] - expected)
    if not (difference <= bound[: len(expected)] + 1e-300).all():
        raise ConversionError(
            f"{source} and its description differ by {difference.max():.3g} in the {where} on test "
            "inputs, more than rounding allows. Operations in other threads or libraries cannot be "
            "followed; if there are none, please report this model"
        )
