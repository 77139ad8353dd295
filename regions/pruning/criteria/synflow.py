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

_SAMPLE = 2**14  # weights whose flow is ordered to know a limit


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
        flow_of = SynapticFlow(network, request.reading.tied)
        kept = {name: weight > 0 for name, weight in weights.items()}
        scores = {name: np.full(weight.shape, -2.0 - rounds) for name, weight in weights.items()}
        layers = list(weights)
        groups = [layers] if request.scope == "global" else [[name] for name in layers]
        for number in range(1, rounds + 1):
            flow = flow_of(weights)
            largest = _largest(flow)
            for group in groups:
                count = _schedule(request, group, number / rounds)
                lost = _least([flow[n] for n in group], [kept[n] for n in group], count)
                for name, places in zip(group, lost, strict=True):
                    fate = flow[name].flat[places] / largest - (rounds + 2 - number)
                    scores[name].flat[places] = fate
                    weights[name].flat[places] = 0.0
                    kept[name].flat[places] = False
        for name, value in flow.items():
            np.copyto(scores[name], value / largest, where=kept[name])
        return scores


class SynapticFlow:
    """|w| dR/d|w| of layers; others are as in the network.

    Layers in `tied` have the weight of another layer; its flow is the sum over all of them.
    """

    def __init__(self, network: ReLUNetwork, tied: Mapping[str, str] = MappingProxyType({})):
        from regions.pruning.criteria.positions import Positions

        self._network, self._tied = network, tied
        self._positions = Positions(network)

    def __call__(self, sizes: Mapping[str, np.ndarray]) -> Arrays:
        """Return the flow through each weight, given their absolute values."""
        import torch

        chosen = {n: torch.from_numpy(size).requires_grad_() for n, size in sizes.items()}
        factors = {f"{name}.weight": value for name, value in chosen.items()}
        shared = {name: chosen[owner] for name, owner in self._tied.items() if owner in chosen}
        factors |= {f"{name}.weight": value for name, value in shared.items()}
        for name, value in self._network.parameters.items():
            if name not in factors and not name.endswith((".bias", ".offset")):
                factors[name] = torch.from_numpy(np.abs(np.atleast_1d(value)))
        with torch.enable_grad():
            total = self._positions.total(factors)
            slopes = torch.autograd.grad(total, list(chosen.values()), materialize_grads=True)
        flow = {
            name: slope.contiguous().numpy() for name, slope in zip(chosen, slopes, strict=True)
        }
        for name, value in flow.items():
            value *= sizes[name]
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


def _largest(flow: Arrays) -> float:
    largest = float(np.max([value.max() for value in flow.values()]))
    if not np.isfinite(largest):
        raise ArgumentError(
            "the flow through this network exceeds float64; scale its weights down first"
        )
    return largest or 1.0


def _least(flow: list[np.ndarray], kept: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Return the places in each layer of kept weights beyond the `count` with most flow.

    Of equal ones the later go first. Places are looked for below a limit that a sample gives.
    """
    number = sum(map(np.count_nonzero, kept)) - count
    if number <= 0:
        return [np.zeros(0, int) for _ in flow]
    step = sum(value.size for value in flow) // _SAMPLE | 1  # odd: meets all columns of a weight
    pairs = list(zip(flow, kept, strict=True))
    sample = np.concatenate([f.ravel()[::step][k.ravel()[::step]] for f, k in pairs])
    at = number // step + 3 * int((number / step) ** 0.5) + 3
    limit = np.sort(sample)[at] if at < sample.size else np.inf
    near = [np.flatnonzero((f <= limit) & k) for f, k in pairs]
    if sum(places.size for places in near) < number:
        near = [np.flatnonzero(k) for k in kept]
    values = np.concatenate([f.flat[places] for f, places in zip(flow, near, strict=True)])
    least = among_best(-values[::-1], number)[::-1]
    parts = np.split(least, np.cumsum([places.size for places in near])[:-1])
    return [places[part] for places, part in zip(near, parts, strict=True)]
