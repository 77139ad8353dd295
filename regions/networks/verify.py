"""The proof that a description and its model agree: same values within a rounding bound."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from regions.errors import ConversionError
from regions.networks.network import ReLUNetwork, magnitudes
from regions.networks.steps import ReLU, Step

Bounded = tuple[np.ndarray, np.ndarray]  # values, and how far another evaluation may be off

_ROUNDING = np.finfo(np.float64).eps
# what rounding may do at most, relative to the sizes met; looser bounds prove nothing
_LOOSEST = 1e-7
# offsets of folded normalisations are small differences of numbers of the size of values
_LEAST = 16 * _ROUNDING


def verify(
    net: ReLUNetwork,
    points: np.ndarray,
    expected: Mapping[str | None, np.ndarray],
    source: str,
) -> None:
    """Raise ConversionError unless `net` has the `expected` values at `points` within rounding.

    `expected` maps names of steps (None: the output) to values of the first rows of `points`.
    """
    graph, sizes = net.graph, magnitudes(net)
    largest = 0.0  # of what is added up on the way

    def bounded(step: Step, inputs: list[Bounded]) -> Bounded:
        nonlocal largest
        values, errors = ([pair[i] for pair in inputs] for i in (0, 1))
        value, error = step.value(values, net.parameters), _carried(step, values, errors, sizes)
        largest = max(largest, float(np.abs(value).max(initial=0.0)))
        for key in (step.name, None) if step is graph.steps[-1] else (step.name,):
            if key in expected:
                bound = np.minimum(error, _LOOSEST * largest) + _LEAST * largest
                _compare(key, value, bound, expected[key], source)
        return value, error

    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused by name
        graph.run({"input": (points, np.zeros_like(points))}, bounded)


def _carried(step: Step, values: list, errors: list, sizes: Mapping) -> np.ndarray:
    """Return how far another evaluation of a step may be off: running error analysis.

    The errors of the inputs pass through |W|, and a sum of k products adds at most
    k eps (|W||x| + |b|); both take one pass. `verify` lets no bound exceed 1e-7 of the largest
    |W||x| + |b|, estimated by the sizes that its pass met.
    """
    if isinstance(step, ReLU):
        return step.sizes(errors, sizes)
    terms = 16 if step.module is None else step.fan_in
    relative = 2 * (terms + 2) * _ROUNDING
    return step.sizes(list(map(partial(_grown, relative), values, errors)), sizes, relative)


def _grown(relative: float, value: np.ndarray, error: np.ndarray) -> np.ndarray:
    grown = np.abs(value)  # in place from here on: on large networks memory is most of the cost
    grown *= relative
    grown += error
    return grown


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
