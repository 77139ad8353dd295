"""A policy that reads the graph of neurons and says how likely each hidden unit is removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regions.backdoor.learned import LearnedRemoval
from regions.backdoor.mask_search import check_search, learned
from regions.backdoor.neuron_graph import FEATURES
from regions.errors import ArgumentError
from regions.randomness import Rng

if TYPE_CHECKING:
    import networkx as nx

_KINDS = ("input", "hidden", "output")
_HIDDEN, _ROUNDS = 16, 2  # length of h, rounds of messages
_RATE = 0.02  # of Adam


class NeuronPolicy(nn.Module):
    """A small message-passing network over the graph of neurons; one logit per hidden unit.

    h = relu(W0 f); then twice h = relu(A h + B in(h) + C out(h)), where in(h) is the mean
    of h over the units that feed a unit, weighted by the edges, and out(h) that over the units it
    feeds; the logit is linear in [h, f]. All weights are shared by all units, so the policy treats
    units by their features and neighbours alone, whatever their order within a layer. Plain torch;
    the architecture is ours (the paper says "GNN").

    Parameters
    ----------
    rate : float
        Probability of removal at the start, the same for all units.
    seed : int
        Decides the initial weights; global random state is untouched.

    Examples
    --------
    >>> from regions.backdoor import GatedNetwork, neuron_graph
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> graph = neuron_graph(network, np.eye(4, dtype=np.float32))
    >>> logits = NeuronPolicy(rate=0.05)(graph_tensors(graph))
    >>> torch.sigmoid(logits).double().round(decimals=6).tolist()
    [0.05, 0.05, 0.05]
    """

    def __init__(self, rate: float = 0.05, seed: int = 0):
        super().__init__()
        width = len(FEATURES) + len(_KINDS) + 1
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.embed = nn.Linear(width, _HIDDEN)
            self.own, self.below, self.above = (
                nn.ModuleList(nn.Linear(_HIDDEN, _HIDDEN, bias=bias) for _ in range(_ROUNDS))
                for bias in (True, False, False)
            )
            self.out = nn.Linear(_HIDDEN + width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, float(np.log(rate / (1 - rate))))

    def forward(self, tensors: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """Return the logits of the hidden units, from `graph_tensors`."""
        features, below, above, hidden = tensors
        state = F.relu(self.embed(features))
        for own, down, up in zip(self.own, self.below, self.above, strict=True):
            state = F.relu(own(state) + down(below @ state) + up(above @ state))
        return self.out(torch.cat([state, features], 1))[hidden, 0]


def graph_tensors(graph: nx.DiGraph) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what the policy reads of a `neuron_graph`.

    Returns
    -------
    features : tensor (nodes, features)
        Standardised within each layer, then one-hot kind and depth.
    below, above : tensor (nodes, nodes)
        Weights of edges into and out of each node, divided by their sum.
    hidden : tensor of int
        Positions of the hidden units, layer after layer.
    """
    import networkx as nx

    nodes = sorted(graph)
    rows = [graph.nodes[node] for node in nodes]
    values = np.array([[row.get(name, 0.0) for name in FEATURES] for row in rows])
    layers = np.array([layer for layer, _ in nodes])
    for layer in np.unique(layers):
        part = values[layers == layer]
        spread = part.std(axis=0)
        spread[spread <= 1e-9 * np.abs(part).max(axis=0)] = np.inf  # constant features become 0
        values[layers == layer] = (part - part.mean(axis=0)) / spread
    kinds = [[float(row["kind"] == kind) for kind in _KINDS] + [row["depth"]] for row in rows]
    weights = nx.to_numpy_array(graph, nodelist=nodes, weight="weight")
    hidden = [index for index, row in enumerate(rows) if row["kind"] == "hidden"]
    return (
        torch.tensor(np.hstack([values, kinds]), dtype=torch.float32),
        torch.tensor(_shares(weights.T), dtype=torch.float32),
        torch.tensor(_shares(weights), dtype=torch.float32),
        torch.tensor(hidden),
    )


def _shares(weights: np.ndarray) -> np.ndarray:
    totals = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)


def learn_policy(
    graph: nx.DiGraph,
    reward: Callable[[np.ndarray], float],
    *,
    steps: int = 40,
    samples: int = 16,
    rate: float = 0.05,
    rng: Rng = None,
) -> LearnedRemoval:
    """Learn a policy that removes units, by policy gradients on this one network.

    Each step draws sets of removed units from the policy, each unit independently, and takes one
    Adam step on REINFORCE with the mean of the *other* sets' rewards as baseline, divided by the
    step's standard deviation: grad = mean_k (r_k - mean_{j != k} r_j) / sd * grad log p(set_k).
    Steps whose rewards are all equal change nothing.

    Optimised neuron pruning (Li, Yu and Yi, arXiv 2405.17746) lets "GNN-based RL agents" find a
    pruning policy on a small clean set. Agent, action space, reward and training are not known to
    us: one action per set, REINFORCE and every setting here are ours.

    Parameters
    ----------
    graph : networkx.DiGraph
        From `neuron_graph`.
    reward : callable
        Boolean array (hidden units,) of removed units -> number, higher is better.
    steps, samples : int
        Steps, and sets per step; the reward is computed steps * samples times.
    rate : float
        Probability of removal at the start.

    Raises
    ------
    ArgumentError
        If a setting is out of range, or a reward is not finite.

    Examples
    --------
    >>> from regions.backdoor import GatedNetwork, neuron_graph
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> graph = neuron_graph(network, np.eye(4, dtype=np.float32))
    >>> found = learn_policy(graph, lambda removed: float(removed[1]), steps=3, rate=0.3, rng=0)
    >>> found.best[1], found.evaluations
    (np.True_, 48)
    """
    rng = np.random.default_rng(rng)
    tensors = graph_tensors(graph)
    units = len(tensors[-1])
    check_search(units, steps, samples, rate)
    policy = NeuronPolicy(rate=rate, seed=int(rng.integers(2**31)))
    optimiser = torch.optim.Adam(policy.parameters(), lr=_RATE)
    tried, rewards = [], []
    for _ in range(steps):
        logits = policy(tensors)
        chances = torch.sigmoid(logits.detach()).numpy()
        sets = rng.random((samples, units)) < chances
        values = np.array([reward(removed) for removed in sets])
        if not np.isfinite(values).all():
            raise ArgumentError(f"the reward gave {values}; expected finite numbers")
        tried.append(sets[values.argmax()])
        rewards.append(values)
        if values.std() > 0:
            loss = _reinforce(logits, sets, values)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        probabilities = torch.sigmoid(policy(tensors)).double().numpy()
    return learned(probabilities, tried, rewards)


def _reinforce(logits: Tensor, sets: np.ndarray, values: np.ndarray) -> Tensor:
    count = len(values)
    advantages = (values - values.mean()) * count / (count - 1) / values.std()
    drawn = torch.from_numpy(sets).float()
    chances = -F.binary_cross_entropy_with_logits(
        logits.expand_as(drawn), drawn, reduction="none"
    ).sum(1)
    return -(torch.from_numpy(advantages).float() * chances).mean()
