"""Greedy forward selection: the few units whose weighted average imitates the whole layer."""

from __future__ import annotations

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.criteria import Request, Selection
from regions.pruning.greedy_path import greedy_path
from regions.pruning.imitation import Imitation, global_imitations, local_imitation
from regions.pruning.removal import Removal
from regions.pruning.units import Reader

IMITATIONS = ("local", "global")


def greedy(request: Request) -> Selection:
    """Keep the units that greedy selection picks, weighted to imitate the layer.

    A layer's contribution to the next is an average f = (1/N) sum_i s_i over its N live units.
    Greedy steps lower D(a) = E |sum_i a_i s_i - f|^2 until the demanded number of units has a
    weight (see `regions.pruning.greedy_path`), and the pruned network computes f_a: the outgoing
    weights of unit i are multiplied by N a_i.

    A density is the fraction of a layer's units (rows, filters) that are kept, rounded to the
    nearest, at least one, as for ``"subspace"``; so are the layers that can be named. If the steps
    settle on fewer units, the largest other contributions are kept too, with outgoing weights
    zero. With as many units as there are live ones, the network stays as it is on the inputs.

    Options:

    - `inputs` (needed): calibration images, (samples, *input_shape); all layers are selected on
      the activations of the model as given.
    - `imitation`: ``"local"``, D at the layer that reads the units; ``"global"``, D at the outputs
      of the network, to first order in the layer.
    - `rule`: ``"line-search"``, ``"average"``, ``"no-repeat"`` or ``"least-squares"`` (free
      weights: the control).
    - `start`: ``"unit"`` as published, or ``"zero"``, better if few units are kept: the best first
      unit is otherwise a nearly dead one. `candidates`: consider only so many units per step.
    - `refit`: True replaces the folded weights by the least-squares refit of all outgoing weights
      (and biases) on the kept units, as in ``"subspace"``: a lower bound of D on the same units.

    References
    ----------
    Ye et al., arXiv 2003.01794 and 2010.15969; see `regions.pruning.greedy_path`. The authors
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
    options = {name: value for name, value in request.options.items() if name != "inputs"}
    imitation = options.pop("imitation", "local")
    refit = options.pop("refit", False)
    if imitation not in IMITATIONS:
        raise ArgumentError(f"no imitation {imitation!r}; choose one of {list(IMITATIONS)}")
    if request.scope == "global":
        raise ArgumentError(
            'greedy selects each layer for itself; leave scope="global" out, or use "subspace"'
        )
    removal = Removal.of(request, "greedy")
    kept, factors = {}, {}
    counts = removal.unit_counts(request)
    for name, found in imitate(removal, imitation).items():
        kept[name], scale = _choose(found, counts[name], request.rng, options)
        factors |= {reader.layer: scale for reader in removal.layers[name].readers}

    def rewrite(
        reader: Reader, weight: np.ndarray, bias: np.ndarray | None, units: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if refit:
            return removal.grams[reader.layer].refit(weight, bias, units)
        scale = np.append(factors[reader.layer], 1.0)[reader.columns]
        return weight * scale.reshape(1, -1, *([1] * (weight.ndim - 2))), None

    return removal.select(kept, rewrite)


def imitate(removal: Removal, imitation: str) -> dict[str, Imitation]:
    """Return the local or global imitation of each layer."""
    if imitation == "global":
        return global_imitations(removal.network, removal.layers, removal.inputs)
    return {
        name: local_imitation(removal.network, layer, removal.grams)
        for name, layer in removal.layers.items()
    }


def _choose(
    imitation: Imitation, count: int, rng: np.random.Generator, options: dict
) -> tuple[np.ndarray, np.ndarray]:
    """Return which units are kept, and by how much the outgoing weights of each are multiplied."""
    units, live = len(imitation.products), imitation.live
    weights = np.zeros(units)
    if count >= len(live):
        weights[:] = 1.0
    else:
        path = greedy_path(imitation, size=count, rng=rng, **options)
        weights[live] = len(live) * path.weights[-1]
    # first what has a weight, then by contribution; dead units come last
    ranks = np.lexsort((-np.diag(imitation.products), weights == 0.0))
    kept = np.isin(np.arange(units), ranks[:count])
    return kept, weights
