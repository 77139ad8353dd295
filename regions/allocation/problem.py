"""What is to be shared out: the layers, which of them are free, and how many weights they get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.choices import meant
from regions.density import check_density
from regions.errors import ArgumentError, BudgetError, UnsupportedModelError
from regions.pruning.counts import apportion, nearest
from regions.pruning.model.reading import read_model

if TYPE_CHECKING:
    from regions.networks import Graph

Shapes = dict[str, tuple[int, ...]]
Counts = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Layers and a number of weights to share between the free ones.

    Attributes
    ----------
    shapes : dict of str to tuple
        Weight shape of every prunable layer, in network order.
    given : dict of str to int
        Weights of the layers that are not free: fixed ones, and whole ones outside the budget.
    fixed : tuple of str
        Layers with a fixed density; their weights are part of the budget.
    least, most : dict of str to int
        Limits of every free layer: no layer gets more than its weights that are not zero, unless
        there are fewer of these than the budget.
    budget : int
        Weights that the free layers get together.
    weights : dict of str to array, or None
        Weights of the model, if one was given.
    graph : Graph or None
        Wiring of the model; None for widths, which are a plain chain.
    note : str
        Why a model has no wiring.
    """

    shapes: Shapes
    given: dict[str, int]
    fixed: tuple[str, ...]
    least: dict[str, int]
    most: dict[str, int]
    budget: int
    weights: dict[str, np.ndarray] | None
    graph: Graph | None
    note: str

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the layers whose density is chosen."""
        return tuple(self.least)

    @property
    def budgeted(self) -> tuple[str, ...]:
        """Names of the layers whose weights count: free and fixed ones."""
        return tuple(name for name in self.shapes if name in self.least or name in self.fixed)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of weights of every layer."""
        return {name: prod(shape) for name, shape in self.shapes.items()}

    @property
    def is_perceptron(self) -> bool:
        """Tell whether the layers are a plain chain of matrices."""
        if self.graph is None:
            return self.weights is None
        return self.weights is not None and self.graph.is_perceptron

    @property
    def widths(self) -> tuple[int, ...]:
        """(n0, n1, ..., outputs) of a chain."""
        shapes = list(self.shapes.values())
        return (shapes[0][1], *(shape[0] for shape in shapes))

    def complete(self, free: Counts) -> dict[str, int]:
        """Return the counts of all layers in network order, given those of the free ones."""
        return {name: free[name] if name in free else self.given[name] for name in self.shapes}

    def share(self, shares: Mapping[str, float]) -> dict[str, int]:
        """Return counts of the free layers proportional to `shares`, within the limits."""
        return self.share_rest(shares, self.budget)

    def share_rest(self, shares: Mapping[str, float], total: int) -> dict[str, int]:
        """Return counts of some free layers proportional to `shares`, within their limits."""
        return apportion(shares, self.most, total, self.least)

    def uniform(self) -> dict[str, int]:
        """Return counts of the free layers at one density."""
        sizes = self.sizes
        return self.share({name: float(sizes[name]) for name in self.free})

    def wiring(self, what: str) -> Graph:
        """Return the graph of a model, or refuse if it is unknown."""
        if self.graph is None:
            raise UnsupportedModelError(
                f"{what} follows input-to-output paths, but the wiring is unknown: {self.note}"
            )
        return self.graph

    def require_perceptron(self, what: str) -> None:
        """Refuse models that are no plain chain of layers."""
        if not self.is_perceptron:
            raise UnsupportedModelError(
                f"{what} models every layer as a random matrix, which needs an MLP; this model "
                f"has the layers {self.shapes}{self.note and f' ({self.note})'}. Use "
                "'effective-weights', 'rank', 'rows', 'live' or 'effective' on its masks"
            )


def make_problem(
    model_or_widths: Any,
    budget: Mapping[str, Any],
    skip: Iterable[str],
    fixed: Mapping[str, float] | None,
    minimum: float,
    prune_output: bool,
    input_shape: tuple[int, ...] | None,
) -> Problem:
    """Return the problem that the arguments of `allocate` describe."""
    shapes, weights, graph, note, output = _read(model_or_widths, input_shape)
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    whole = _checked_names(skip or (), sizes, "skip")
    if not prune_output and len(sizes) > 1:
        whole = {*whole, *output} if set(sizes) - {*output} else whole
    fixed = dict(fixed or {})
    both = sorted(_checked_names(fixed, sizes, "fixed") & whole)
    if both:
        raise ArgumentError(
            f"layers {both} are kept whole (skip, or the output layer without prune_output) and "
            "cannot have a fixed density too"
        )
    held = {
        n: nearest(check_density(d, f"fixed density of {n!r}"), sizes[n]) for n, d in fixed.items()
    }
    free = {name: size for name, size in sizes.items() if name not in whole and name not in held}
    if not free:
        raise BudgetError("no layer is left to share weights between: all are skipped or fixed")
    size = sum(free.values()) + sum(sizes[name] for name in held)
    rest = _total(budget, size) - sum(held.values())
    most = _most(free, weights, rest)
    least = {name: min(_least(minimum, size), most[name]) for name, size in free.items()}
    _check_budget(rest, least, most, held)
    given = {**{name: sizes[name] for name in whole}, **held}
    return Problem(
        shapes=shapes,
        given=given,
        fixed=tuple(held),
        least=least,
        most=most,
        budget=rest,
        weights=weights,
        graph=graph,
        note=note,
    )


def _read(model_or_widths: Any, input_shape: tuple[int, ...] | None) -> tuple:
    if isinstance(model_or_widths, np.ndarray) and model_or_widths.ndim == 1:
        model_or_widths = model_or_widths.tolist()
    if isinstance(model_or_widths, Sequence) and not isinstance(model_or_widths, str):
        entries = list(model_or_widths)
        if not entries or any(_is_scalar(entry) for entry in entries):
            shapes = _shapes_of_widths(entries)
            return shapes, None, None, "", tuple(shapes)[-1:]
    reading = read_model(model_or_widths, input_shape)
    if reading.tied:
        name, owner = next(iter(reading.tied.items()))
        raise UnsupportedModelError(
            f"layers {owner!r} and {name!r} share one weight, but an allocation gives every layer "
            "a density of its own; give regions.prune the densities themselves"
        )
    return reading.shapes, reading.weights, reading.graph, reading.note, reading.output_layers


def _is_scalar(entry: Any) -> bool:
    return entry is None or isinstance(entry, (bool, int, float, str, np.generic))


def _shapes_of_widths(widths: list) -> Shapes:
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in widths)
    if len(widths) < 2 or not whole or min(widths) < 1:
        raise ArgumentError(
            f"widths must be whole numbers [inputs, hidden layers ..., outputs], got {widths!r:.80}"
        )
    layers = len(widths) - 1
    names = [*(f"layer{index}" for index in range(1, layers)), "output"]
    shapes = [(int(rows), int(cols)) for cols, rows in pairwise(widths)]
    return dict(zip(names, shapes, strict=True))


def _checked_names(names: Iterable[str], sizes: Counts, what: str) -> set[str]:
    if isinstance(names, str):
        raise ArgumentError(f"{what} must be a collection of layer names, got the string {names!r}")
    unknown = [name for name in names if name not in sizes]
    if unknown:
        near = meant(unknown[:1], list(sizes))
        raise ArgumentError(f"{what} names the layer {unknown[0]!r}; there are {list(sizes)}{near}")
    return set(names)


def _most(
    free: dict[str, int], weights: Mapping[str, np.ndarray] | None, total: int
) -> dict[str, int]:
    """Return what each layer can keep at most: weights pruned before would be kept in vain."""
    if weights is None:
        return free
    # a layer of zeros is one that training starts there, not a pruned one
    alive = {name: int(np.count_nonzero(weights[name])) or size for name, size in free.items()}
    return alive if sum(alive.values()) >= total else free


def _least(minimum: float, size: int) -> int:
    if isinstance(minimum, (int, np.integer)) and not isinstance(minimum, bool) and minimum >= 0:
        return min(int(minimum), size)
    if isinstance(minimum, float) and 0.0 <= minimum <= 1.0:
        return nearest(minimum, size)
    raise ArgumentError(
        f"minimum must be a whole number of weights or a density (a float up to 1) per layer, "
        f"got {minimum!r}"
    )


def _total(budget: Mapping[str, Any], size: int) -> int:
    chosen = {name: value for name, value in budget.items() if value is not None}
    if len(chosen) != 1:
        raise ArgumentError(
            f"give exactly one of {list(budget)}; got {list(chosen) or 'none of them'}"
        )
    ((kind, value),) = chosen.items()
    if kind == "weights":
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ArgumentError(f"weights must be a whole number of weights kept, got {value!r}")
        return int(value)
    total = nearest(_as_density(kind, value), size)
    if total == 0:
        raise BudgetError(f"{kind} {value} of {size} weights keeps none; keep at least one")
    return total


def _as_density(kind: str, value: Any) -> float:
    if kind == "density":
        return check_density(value)
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise ArgumentError(f"{kind} must be a number, got {value!r}")
    if kind == "sparsity" and 0.0 <= value < 1.0:
        return 1.0 - float(value)
    if kind == "compression" and 1.0 <= value < float("inf"):
        return 1.0 / float(value)
    allowed = "in [0, 1)" if kind == "sparsity" else "at least 1"
    raise ArgumentError(f"{kind} must be {allowed}, got {value!r}")


def _check_budget(rest: int, least: Counts, most: Counts, held: Counts) -> None:
    low, high = sum(least.values()), sum(most.values())
    if low <= rest <= high:
        return
    taken = f" after {sum(held.values())} for the fixed layers {list(held)}" if held else ""
    raise BudgetError(
        f"the budget leaves {rest} weights{taken}, but the layers {list(most)} take between "
        f"{low} (their minimum) and {high} together; change the budget, fixed or minimum"
    )
