"""Masks as functions of layer counts: weights in a fixed order, the first ones are kept.

For one network there is one such order, by falling magnitude. Random masks are several random
orders. All allocations are compared under the same orders (common random numbers), so a difference
between two of them is not the luck of two draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from regions.allocation.graph_draw import Alive, GraphDraw
from regions.allocation.problem import Counts, Problem
from regions.bounds.supports import generic_rank
from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.selection import best

SOURCES = ("magnitude", "random")


@dataclass(frozen=True)
class Ordered:
    """Flat indices of one layer's weights, best first, as rows and columns of its matrix."""

    rows: np.ndarray
    cols: np.ndarray
    shape: tuple[int, int]
    row_start: np.ndarray
    col_start: np.ndarray

    @classmethod
    def of(cls, order: np.ndarray, shape: tuple[int, int]) -> Ordered:
        """Return `order` with, per row and column, the place of its first weight."""
        rows, cols = (index.astype(np.int32) for index in np.unravel_index(order, shape))
        starts = [_first_places(index, n) for index, n in ((rows, shape[0]), (cols, shape[1]))]
        return cls(rows, cols, shape, *starts)

    def filled(self, count: int) -> np.ndarray:
        """Return which rows the first `count` weights leave not empty."""
        whole = count == self.shape[0] * self.shape[1]
        return np.ones(self.shape[0], dtype=bool) if whole else self.row_start < count

    def support(self, count: int) -> sparse.csr_array:
        """Return the sparse matrix of the first `count` weights."""
        if count == self.shape[0] * self.shape[1]:
            return sparse.csr_array(np.ones(self.shape, dtype=np.int8))
        entries = (np.ones(count, dtype=np.int8), (self.rows[:count], self.cols[:count]))
        return sparse.csr_array(entries, shape=self.shape)


def _first_places(index: np.ndarray, size: int) -> np.ndarray:
    places = np.full(size, index.size, dtype=np.int64)
    places[index[::-1]] = np.arange(index.size)[::-1]  # the last assignment is the first place
    return places


class ChainDraw:
    """One set of orders of a chain of layers."""

    def __init__(self, layers: Mapping[str, Ordered]):
        self.layers = dict(layers)

        self._ranks: dict[tuple, int] = {}
        self._full_from: dict[str, int] = {}

    def fed(self, counts: Counts) -> list[np.ndarray]:
        """Return, for the inputs and every layer's units, which a path of kept weights reaches."""
        fed = [np.ones(next(iter(self.layers.values())).shape[1], dtype=bool)]
        for name, layer in self.layers.items():
            fed.append(_step(fed[-1], layer.cols, layer.rows, layer.row_start, counts[name]))
        return fed

    def feeding(self, counts: Counts) -> list[np.ndarray]:
        """Return, for the inputs and every layer's units, which lead to an output."""
        feeding = [np.ones(list(self.layers.values())[-1].shape[0], dtype=bool)]
        for name, layer in reversed(self.layers.items()):
            feeding.append(
                _step(feeding[-1], layer.rows, layer.cols, layer.col_start, counts[name])
            )
        return feeding[::-1]

    def rank(self, name: str, count: int, rows: np.ndarray, cols: np.ndarray) -> int:
        """Return the structural rank that a layer's first `count` weights have between units.

        It grows with the count, so a rank that is full stays full.
        """
        layer = self.layers[name]
        most = int(min(np.count_nonzero(rows), np.count_nonzero(cols)))
        if count == layer.shape[0] * layer.shape[1]:
            return most
        complete = bool(rows.all() and cols.all())
        if complete and count >= self._full_from.get(name, count + 1):
            return most
        key = (name, count, rows.tobytes(), cols.tobytes())
        if key not in self._ranks:
            self._ranks[key] = generic_rank(layer.support(count)[rows][:, cols])
        if complete and self._ranks[key] == most:
            self._full_from[name] = count
        return self._ranks[key]

    def alive(self, counts: Counts) -> Alive:
        """Return what lies on an input-to-output path of the kept weights."""
        fed, feeding = self.fed(counts), self.feeding(counts)
        weights = {
            name: _between(layer, fed[i], feeding[i + 1], counts[name])
            for i, (name, layer) in enumerate(self.layers.items())
        }
        hidden = zip(fed[1:-1], feeding[1:-1], strict=True)
        return Alive(weights, [int(np.count_nonzero(one & two)) for one, two in hidden])


def _step(
    known: np.ndarray, source: np.ndarray, target: np.ndarray, start: np.ndarray, count: int
) -> np.ndarray:
    if count == known.size * start.size:
        return np.full(start.size, known.any())
    if known.all():  # then a unit is reached as soon as it has any weight at all
        return start < count
    reached = np.zeros(start.size, dtype=bool)
    reached[target[:count][known[source[:count]]]] = True
    return reached


def _between(layer: Ordered, fed: np.ndarray, feeding: np.ndarray, count: int) -> int:
    if count == fed.size * feeding.size:
        return int(np.count_nonzero(fed)) * int(np.count_nonzero(feeding))
    if fed.all() and feeding.all():
        return count
    return int(np.count_nonzero(fed[layer.cols[:count]] & feeding[layer.rows[:count]]))


Draw = ChainDraw | GraphDraw


def make_draws(
    problem: Problem, masks: str | None, draws: int, rng: np.random.Generator
) -> list[Draw]:
    """Return the orders under which allocations are compared.

    `masks` is "magnitude" (one draw, from the model's weights) or "random" (`draws` of them);
    None means magnitude if there is a model, else random.
    """
    source = masks or ("random" if problem.weights is None else "magnitude")
    check_name("masks", source, SOURCES)
    if source == "random":
        if not isinstance(draws, (int, np.integer)) or draws < 1:
            raise ArgumentError(f"draws must be a whole number above 0, got {draws!r}")
        return [_draw(problem, _random_order(problem, rng)) for _ in range(draws)]
    if problem.weights is None:
        raise ArgumentError('masks="magnitude" needs a model with weights, but got widths')
    return [_draw(problem, _magnitude_order(problem))]


_Order = Callable[[str], np.ndarray]


def _draw(problem: Problem, order: _Order) -> Draw:
    pruned = {name: order(name) for name in problem.budgeted}
    if not problem.is_perceptron:
        return GraphDraw(pruned, problem)
    whole = np.zeros(0, dtype=np.int64)
    shapes = {name: (shape[0], shape[1]) for name, shape in problem.shapes.items()}
    return ChainDraw({n: Ordered.of(pruned.get(n, whole), shape) for n, shape in shapes.items()})


def _longest(problem: Problem, name: str) -> int:
    """Return how many weights a layer can get at most, so that no longer order is kept."""
    if name in problem.given:
        return problem.given[name]
    return min(problem.most[name], problem.budget)


def _random_order(problem: Problem, rng: np.random.Generator) -> _Order:
    def order(name: str) -> np.ndarray:
        return rng.choice(problem.sizes[name], _longest(problem, name), replace=False)

    return order


def _magnitude_order(problem: Problem) -> _Order:
    weights = problem.weights or {}

    def order(name: str) -> np.ndarray:
        return best(np.abs(weights[name]), _longest(problem, name))

    return order
