"""What an allocation is judged by, one objective per file.

An objective's `prepare(problem, rng, **options)` returns a function of the layer counts. That
function gives one value per draw of masks (their mean is maximised), or a single one.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from regions.allocation.problem import Counts, Problem
from regions.errors import ArgumentError

OBJECTIVES = (
    "effective",
    "effective-units",
    "effective-weights",
    "expected",
    "expected-log",
    "live",
    "rank",
    "rows",
)
DEFAULT = "effective-weights"

Evaluate = Callable[[Counts], np.ndarray]


def prepare(
    problem: Problem,
    objective: str | Callable[[dict[str, float]], float],
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> Evaluate:
    """Return the function from the counts of all layers to the objective's values, one per draw."""
    if callable(objective):
        return _of_densities(problem, objective, options)
    module = importlib.import_module(f"{__name__}.{objective.replace('-', '_')}")
    allowed = list(inspect.signature(module.prepare).parameters)[2:]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise ArgumentError(f"objective {objective!r} takes the options {allowed}, not {unknown}")
    evaluate = module.prepare(problem, rng, **options)
    return lambda counts: np.atleast_1d(np.asarray(evaluate(counts), dtype=float))


def _of_densities(
    problem: Problem, function: Callable[..., float], options: Mapping[str, Any]
) -> Evaluate:
    sizes = problem.sizes

    def evaluate(counts: Counts) -> np.ndarray:
        value = function({name: counts[name] / sizes[name] for name in counts}, **options)
        if not isinstance(value, (int, float, np.integer, np.floating)) or np.isnan(value):
            raise ArgumentError(f"the objective must return a number, but it returned {value!r}")
        return np.array([float(value)])

    return evaluate
