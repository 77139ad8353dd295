"""SynFlow: iterative pruning by synaptic flow, without data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from regions.errors import ArgumentError
from regions.networks import ReLUNetwork
from regions.pruning.criterion import Criterion, Request
from regions.pruning.selection import among_best

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class SynFlow(Criterion):
    """Scores whose best weights are those that iterated synaptic flow keeps.

    R is the sum of the outputs of the network with |w| for every weight and without biases on an
    input of ones; w dR/dw is the flow through a weight. In round k of n the weights with most
    flow in the network pruned so far are kept, size - floor((1 - density^(k/n)) size) of them, as
    in the authors' loop: of all layers together if ``scope="global"`` (published with
    ``prune_output=True``), else of each layer. The masks hang on such rounding: rounding to
    nearest in each round changes up to one kept weight in seven. A kept weight's score is its
    share of the largest flow in the last round; one removed in round k has its share in that
    round, less n + 2 - k; one that was zero before has -2 - n.

    Flow is conserved: what enters a hidden unit leaves it, and each layer of a chain carries R.
    Hence the weights of a layer gain flow as they become few, and with enough rounds no layer is
    emptied as long as one path can be kept. Batch normalisation acts by the size of its factors
    alone; biases, which the authors' code lets feed the flow, take no part. The wiring must be
    known: models that start with a convolution need `input_shape`.

    Attributes
    ----------
    rounds : int

    Source: Tanaka et al. 2020, arXiv 2006.05467.
    """

    name = "synflow"
    rounds: int = 100

    def __post_init__(self) -> None:
        rounds = self.rounds
        if not isinstance(rounds, int) or isinstance(rounds, bool) or rounds < 1:
            raise ArgumentError(f"rounds is {rounds!r}; expected a whole number, 1 or more")

    def __call__(self, request: Request) -> Arrays:
        network, rounds = request.reading.described(request.model, "synflow"), self.rounds
        weights = {name: np.abs(weight) for name, weight in request.weights.items()}
        kept = {name: weight > 0 for name, weight in weights.items()}
        scores = {name: np.full(weight.shape, -2.0 - rounds) for name, weight in weights.items()}
        layers = list(weights)
        groups = [layers] if request.scope == "global" else [[name] for name in layers]
        for number in range(1, rounds + 1):
            flow = synaptic_flow(network, weights, request.reading.tied)
            largest = max(float(value.max()) for value in flow.values()) or 1.0
            for group in groups:
                count = _schedule(request, group, number / rounds)
                candidates = {name: flow[name][kept[name]] / largest for name in group}
                for name, best in _best(candidates, count).items():
                    fate = candidates[name] - (rounds + 2 - number) * ~best
                    scores[name][kept[name]] = fate
                    kept[name][kept[name]] = best
                    weights[name] *= kept[name]
        return scores


def synaptic_flow(
    network: ReLUNetwork,
    weights: Mapping[str, np.ndarray],
    tied: Mapping[str, str] = MappingProxyType({}),
) -> Arrays:
    """Return |w| dR/d|w| of each layer in `weights`; other layers are as in `network`.

    Layers in `tied` have the weight of another layer; its flow is the sum over all of them.
    """
    import torch

    sizes = {
        name: torch.from_numpy(np.abs(np.atleast_1d(value)))
        for name, value in network.parameters.items()
        if not name.endswith((".bias", ".offset"))
    }
    chosen = {name: torch.from_numpy(np.abs(value)) for name, value in weights.items()}
    sizes |= {f"{name}.weight": value.requires_grad_() for name, value in chosen.items()}
    shared = {name: chosen[owner] for name, owner in tied.items() if owner in chosen}
    sizes |= {f"{name}.weight": value for name, value in shared.items()}
    graph, ones = network.graph, torch.ones(1, *network.input_shape, dtype=torch.float64)
    with torch.enable_grad():
        values = graph.run({"input": ones}, lambda step, inputs: step.sizes(inputs, sizes))
        total = values[graph.ends[-1]].sum()
        slopes = torch.autograd.grad(total, list(chosen.values()), materialize_grads=True)
    pairs = zip(chosen.items(), slopes, strict=True)
    flow = {name: (size.detach() * slope).numpy() for (name, size), slope in pairs}
    if not all(np.isfinite(value).all() for value in flow.values()):
        raise ArgumentError(
            "the flow through this network exceeds float64; scale its weights down first"
        )
    return flow


def _schedule(request: Request, group: list[str], done: float) -> int:
    """Return how many weights of a group are kept after that fraction of the rounds."""
    size = sum(request.weights[name].size for name in group)
    goal = sum(request.counts[name] for name in group)
    if done == 1.0:
        return goal
    asked = sum(request.densities[name] * request.weights[name].size for name in group) / size
    # at least one: a layer that is to lose all its weights must not stop the flow before the end
    density = max(asked, 1 / size)
    return max(goal, size - int((1.0 - density**done) * size))


def _best(candidates: Arrays, count: int) -> Arrays:
    """Return which candidates are among the `count` largest; ties: the earlier one."""
    best = among_best(np.concatenate(list(candidates.values())), count)
    ends = np.cumsum([value.size for value in candidates.values()])[:-1]
    return dict(zip(candidates, np.split(best, ends), strict=True))
