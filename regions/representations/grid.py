"""All pairs of layers of two lists of activations, each layer whitened once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from regions.choices import choose
from regions.errors import ArgumentError
from regions.representations.comparison import LayerComparison, LayerSimilarity
from regions.representations.layer import Layer, layer_of
from regions.representations.measure import Measure
from regions.representations.pair import Pair
from regions.representations.registry import MEASURES
from regions.representations.rows import CentredRows, check_paired, cross_of, host

Layers = Mapping[str, Any] | Sequence[Any]


def similarity_grid(
    A: Layers, B: Layers, measure: str | Measure = "svcca", **options: Any
) -> LayerComparison:
    """Return the similarities of all layers of A with all layers of B.

    Each layer is centred and whitened once; all cross products come from one matrix product.

    Parameters
    ----------
    A, B
        Lists of (samples, neurons) arrays, or mappings from name to array, over the same
        samples; layers may differ in width.
    measure
        As in `compare_layers`; `options` go to it.

    Returns
    -------
    LayerComparison
        `.matrix` is the grid; `.layers` are the pairs of equal name.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> similarity_grid({"a": X, "b": X[:, :1] ** 2}, {"a": -X}, "cca").matrix.round(2).values
    array([[1.  ],
           [0.15]])
    """
    chosen = choose("measure", measure, MEASURES, options, base=Measure)
    left = {name: layer_of(rows, name) for name, rows in _named(A).items()}
    right = {name: layer_of(rows, name) for name, rows in _named(B).items()}
    first = next(iter(left.values()))
    for layer in (*left.values(), *right.values()):
        check_paired(first.n, layer.n)
    products = _products(list(left.values()), list(right.values()))
    grid = {
        (a, b): chosen(Pair(x=x, y=y, cross=products[i][j]))
        for i, (a, x) in enumerate(left.items())
        for j, (b, y) in enumerate(right.items())
    }
    return LayerComparison(
        measure=next(iter(grid.values())).measure,
        layers=tuple(
            LayerSimilarity(layer=a, similarity=found) for (a, b), found in grid.items() if a == b
        ),
        grid=grid,
        unmatched_x=tuple(name for name in left if name not in right),
        unmatched_y=tuple(name for name in right if name not in left),
        details={"images": first.n},
    )


def _named(layers: Layers) -> dict[str, Any]:
    if not isinstance(layers, Iterable) or isinstance(layers, (str, bytes)):
        raise ArgumentError(
            f"a list of layers is a {type(layers).__name__}; expected arrays, or a mapping from "
            "name to array"
        )
    found = dict(layers) if isinstance(layers, Mapping) else dict(enumerate(layers))
    if not found:
        raise ArgumentError("a list of layers is empty; expected at least one array")
    return {str(name): rows for name, rows in found.items()}


def _products(left: list[Layer], right: list[Layer]) -> list[list[np.ndarray]]:
    """Return X_i^T Y_j of the live neurons of all pairs, from one product of all columns."""
    sides = [[_samples(layer) for layer in layers] for layers in (left, right)]
    whole = cross_of(*sides)
    rows, columns = (np.cumsum([0, *(side.width for side in part)]) for part in sides)
    return [
        [
            whole[rows[i] : rows[i + 1], columns[j] : columns[j + 1]][_live(x)][:, _live(y)]
            for j, y in enumerate(right)
        ]
        for i, x in enumerate(left)
    ]


def _samples(layer: Layer) -> CentredRows:
    """Return the layer's centred samples; those of a layer with few samples are rotated."""
    if layer.centred is not None and layer.matrix is None:
        return layer.centred
    return CentredRows(values=host(layer.matrix), mean=0.0)


def _live(layer: Layer) -> np.ndarray | slice:
    whole = layer.matrix is not None or len(layer.live) == layer.neurons
    return slice(None) if whole else layer.live
