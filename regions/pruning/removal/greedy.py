"""Greedy forward selection: the few units whose weighted average imitates the whole layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.criterion import Method, Request, Selection
from regions.pruning.removal.greedy_path import check_path, greedy_path
from regions.pruning.removal.imitation import Imitation, global_imitations, local_imitation
from regions.pruning.removal.removal import Removal
from regions.pruning.removal.units import Reader

IMITATIONS = ("local", "global")


@dataclass(frozen=True, eq=False)
class Greedy(Method):
    """The units that greedy selection picks are kept, weighted to imitate the layer.

    A layer's contribution to the next is an average f = (1/N) sum_i s_i over its N live units.
    Greedy steps lower D(a) = E |sum_i a_i s_i - f|^2 until the demanded number of units has a
    weight (see `greedy_path`), and the pruned network computes f_a: the outgoing weights of unit
    i are multiplied by N a_i.

    A density is the fraction of a layer's units (rows, filters) that are kept, rounded to the
    nearest, at least one, as for ``"subspace"``; so are the layers that can be named. If the steps
    settle on fewer units, the largest other contributions are kept too, with outgoing weights
    zero. With as many units as there are live ones, the network stays as it is on the inputs.

    Attributes
    ----------
    inputs : array
        Calibration images, (samples, *input_shape); all layers are selected on the activations of
        the model as given.
    imitation : {"local", "global"}
        ``"local"``, D at the layer that reads the units; ``"global"``, D at the outputs of the
        network, to first order in the layer.
    rule : str
        ``"line-search"``, ``"average"``, ``"no-repeat"`` or ``"least-squares"`` (free weights: the
        control).
    start : {"unit", "zero"}
        ``"unit"`` as published, or ``"zero"``, better if few units are kept: the best first unit
        is otherwise a nearly dead one.
    candidates : int, optional
        Consider only so many units per step.
    refit : bool
        True replaces the folded weights by the least-squares refit of all outgoing weights (and
        biases) on the kept units, as in ``"subspace"``: a lower bound of D on the same units.

    References
    ----------
    Ye et al., arXiv 2003.01794 and 2010.15969; see `greedy_path`. The authors
    select layer after layer and take the better of both imitations for each; here all layers are
    selected at once, by the one that is asked for.

    Examples
    --------
    >>> import numpy as np, regions
    >>> pairs = [(np.eye(3), None), (np.array([[1.0, 1.0, 2.0]]), None)]
    >>> inputs = np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    >>> options = {"inputs": inputs, "rule": "least-squares"}
    >>> masks = regions.prune(pairs, {"layer1": 0.67}, "greedy", **options)
    >>> masks["output"].tolist(), masks.repaired["output.weight"].round(3).tolist()
    ([[True, False, True]], [[2.0, 0.0, 2.0]])
    """

    name = "greedy"
    inputs: Any = field(default=None, repr=False)
    imitation: str = "local"
    rule: str = "line-search"
    start: str = "unit"
    candidates: int | None = None
    refit: bool = False

    def __post_init__(self) -> None:
        check_name("imitation", self.imitation, IMITATIONS)
        check_path(self.rule, self.start, self.candidates)

    def __call__(self, request: Request) -> Selection:
        if request.scope == "global":
            raise ArgumentError(
                'greedy selects each layer for itself; leave scope="global" out, or use "subspace"'
            )
        removal = Removal.of(request, self.name, self.inputs)
        kept, factors = {}, {}
        counts = removal.unit_counts(request)
        for name, found in imitate(removal, self.imitation).items():
            kept[name], scale = self._chosen(found, counts[name], request.rng)
            factors |= {reader.layer: scale for reader in removal.layers[name].readers}

        def folded(
            reader: Reader, weight: np.ndarray, bias: np.ndarray | None, units: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray | None]:
            scale = np.append(factors[reader.layer], 1.0)[reader.columns]
            return weight * scale.reshape(1, -1, *([1] * (weight.ndim - 2))), None

        return removal.select(kept, removal.refitted if self.refit else folded)

    def _chosen(
        self, imitation: Imitation, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which units are kept, and what the outgoing weights of each are multiplied by."""
        units, live = len(imitation.products), imitation.live
        weights = np.zeros(units)
        if count >= len(live):
            weights[:] = 1.0
        else:
            how = {"start": self.start, "candidates": self.candidates}
            path = greedy_path(imitation, self.rule, size=count, rng=rng, **how)
            weights[live] = len(live) * path.weights[-1]
        # first what has a weight, then by contribution; dead units come last
        ranks = np.lexsort((-np.diag(imitation.products), weights == 0.0))
        kept = np.isin(np.arange(units), ranks[:count])
        return kept, weights


def imitate(removal: Removal, imitation: str) -> dict[str, Imitation]:
    """Return the local or global imitation of each layer."""
    if imitation == "global":
        return global_imitations(removal.network, removal.layers, removal.inputs)
    return {
        name: local_imitation(removal.network, layer, removal.grams)
        for name, layer in removal.layers.items()
    }
