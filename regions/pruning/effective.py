"""Which kept weights and units lie on a path from an input to an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import UnsupportedModelError
from regions.pruning.paths import chain_effective, edges_of, fed_units, feeding_units
from regions.results import jsonable

if TYPE_CHECKING:
    import pandas as pd

    from regions.networks import Graph
    from regions.pruning.masks import Masks


@dataclass(frozen=True, kw_only=True)
class Effective:
    """The effective part of some masks: what lies on an input-to-output path of kept weights.

    A hidden unit is effective if it is fed (a path of kept weights leads to it from an input) and
    feeding (one leads from it to an output). A kept weight is effective if it joins what is fed to
    what is feeding. Nothing else can influence the function, apart from constants: biases make no
    paths. Convolutions are followed position by position, so a weight counts if it is on a path at
    one position at least, and a unit is one channel at one position.

    Attributes
    ----------
    masks : Masks
        The effective weights alone.
    kept : dict of str to int
        Kept weights per layer.
    weights : dict of str to int
        Effective weights per layer.
    units : dict of str to int
        Effective units per hidden layer, by the name of the layer that feeds it.
    width : dict of str to int
        All units per hidden layer.
    inputs : int
        Inputs with a path to an output.
    """

    masks: Masks
    kept: Mapping[str, int]
    weights: Mapping[str, int]
    units: Mapping[str, int]
    width: Mapping[str, int]
    inputs: int

    @property
    def total_weights(self) -> int:
        """Number of effective weights in all layers together."""
        return sum(self.weights.values())

    @property
    def total_units(self) -> int:
        """Number of effective hidden units in all layers together."""
        return sum(self.units.values())

    @property
    def fraction(self) -> float:
        """Share of the kept weights that are effective (0 if none is kept)."""
        kept = sum(self.kept.values())
        return self.total_weights / kept if kept else 0.0

    def to_frame(self) -> pd.DataFrame:
        """Return one row per layer; units are missing where no hidden ReLU layer follows."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "layer": list(self.kept),
                "size": list(self.masks.sizes.values()),
                "kept": list(self.kept.values()),
                "effective": [self.weights[name] for name in self.kept],
                "units": [self.width.get(name) for name in self.kept],
                "effective_units": [self.units.get(name) for name in self.kept],
            }
        )
        return frame.astype({"units": "Int64", "effective_units": "Int64"})

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON-ready objects."""
        names = ("kept", "weights", "units", "width", "inputs", "total_weights", "total_units")
        return {name: jsonable(getattr(self, name)) for name in names}

    def summary(self) -> str:
        """Return the totals as a sentence or two."""
        kept, size = sum(self.kept.values()), sum(self.masks.sizes.values())
        return (
            f"{self.total_weights} of {kept} kept weights (of {size}) lie on an input-to-output "
            f"path, through {self.total_units} of {sum(self.width.values())} hidden units "
            f"and from {self.inputs} inputs."
        )


def effective(masks: Masks) -> Effective:
    """Return the effective part of `masks`; see `Masks.effective`."""
    if masks.graph is None or masks.graph.is_perceptron:
        arrays, units, inputs = _through_chain(masks)
    else:
        arrays, units, inputs = _through_graph(masks, masks.graph)
    kept = type(masks)(arrays, masks.graph, masks.note, masks.repaired)
    return Effective(
        masks=kept,
        kept=masks.counts,
        weights=kept.counts,
        units={name: int(alive.sum()) for name, alive in units.items()},
        width={name: alive.size for name, alive in units.items()},
        inputs=int(inputs.sum()),
    )


_Parts = tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]


def _through_chain(masks: Masks) -> _Parts:
    _check_chain(masks)
    layers = [edges_of(mask) for mask in masks.values()]
    fed, feeding = fed_units(layers), feeding_units(layers)
    hidden = list(masks)[:-1]
    both = zip(hidden, fed[1:-1], feeding[1:-1], strict=True)
    return chain_effective(masks), {name: one & two for name, one, two in both}, feeding[0]


def _check_chain(masks: Masks) -> None:
    shapes = list(masks.shapes.values())
    pairs = pairwise(shapes)
    fits = all(len(shape) == 2 for shape in shapes) and all(a[0] == b[1] for a, b in pairs)
    if masks.note or not fits:
        reason = masks.note or f"the layers {masks.shapes} are no chain of matrices"
        raise UnsupportedModelError(
            f"these masks have no wiring, so paths cannot be followed: {reason}; make them by "
            "regions.prune or Masks.from_model, with input_shape if the model needs it"
        )


def _through_graph(masks: Masks, graph: Graph) -> _Parts:
    from regions.networks import liveness

    live = liveness(graph, masks)
    units = {name: live.units(name) for name in graph.relu_names}
    return dict(live.effective), units, live.feeding[graph.steps[0].name]


def follower(graph: Graph | None) -> Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]:
    """Return the quickest function from masks to their effective weights over `graph`."""
    if graph is None or graph.is_perceptron:
        return chain_effective
    from regions.networks import liveness

    return lambda masks: liveness(graph, masks).effective
