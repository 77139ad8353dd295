"""A network as a graph of its neurons, with what is known of each on its node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.backdoor.gated import GatedNetwork

if TYPE_CHECKING:
    import networkx as nx

FEATURES = ("in_norm", "out_norm", "bias", "mean", "sd", "active", "response")


def neuron_graph(
    network: GatedNetwork, inputs: np.ndarray, response: np.ndarray | None = None
) -> nx.DiGraph:
    """Return the graph of a network's input channels, hidden units and logits.

    Nodes are pairs (layer, unit), the layer 0 for inputs, 1, 2, ... for hidden layers, the last for
    logits. An edge joins two units of neighbouring layers unless all weights between them are 0;
    its `weight` is the Euclidean norm of the kernel between them.

    Every node has `kind` ("input", "hidden", "output"), `depth` (0 at the inputs, 1 at the logits)
    and, on hidden units, numbers over clean inputs and weights:

    - `in_norm`, `out_norm`: norm of all weights into and out of the unit; `bias`;
    - `mean`, `sd`: of its activation over `inputs` (a channel: averaged over positions first);
    - `active`: share of `inputs` at which that activation is positive;
    - `response`: what the caller gives, e.g. `trigger_response` to an inverted trigger; else 0.

    Li, Yu and Yi (arXiv 2405.17746) model the network "as graphs based on neuron connectivity"
    (abstract). A third party's summary has one graph per layer, edges by the cosine similarity of
    weights, and activations on the nodes. Their exact choice is not known to us: one graph of the
    wiring and these features are ours.

    Parameters
    ----------
    network : GatedNetwork
    inputs : array (count, *input_shape)
        Clean inputs.
    response : array of shape (units,), optional

    Examples
    --------
    >>> import numpy as np
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> graph = neuron_graph(network, np.eye(4, dtype=np.float32))
    >>> graph.number_of_nodes(), graph.number_of_edges(), graph.nodes[1, 0]["kind"]
    (9, 18, 'hidden')
    """
    import networkx as nx

    units = network.units
    strengths = list(units.strengths.values())
    counts = [strengths[0].shape[1], *(len(strength) for strength in strengths)]
    last = len(counts) - 1
    kinds = ["input", *(["hidden"] * (last - 1)), "output"]
    values = {name: units.split(array) for name, array in _features(network, inputs, response)}
    graph = nx.DiGraph()
    for layer, (count, kind) in enumerate(zip(counts, kinds, strict=True)):
        for unit in range(count):
            graph.add_node((layer, unit), kind=kind, depth=layer / last)
    for layer, name in enumerate(units.widths, start=1):
        for unit in range(counts[layer]):
            known = {feature: float(parts[name][unit]) for feature, parts in values.items()}
            graph.nodes[layer, unit].update(known)
    for layer, strength in enumerate(strengths):
        for after, before in zip(*np.nonzero(strength), strict=True):
            weight = float(strength[after, before])
            graph.add_edge((layer, int(before)), (layer + 1, int(after)), weight=weight)
    return graph


def _features(
    network: GatedNetwork, inputs: np.ndarray, response: np.ndarray | None
) -> list[tuple[str, np.ndarray]]:
    units = network.units
    strengths = list(units.strengths.values())
    activations = network.activations(inputs).astype(np.float64)
    hidden = list(units.widths)
    arrays = (
        np.concatenate([np.linalg.norm(part, axis=1) for part in strengths[:-1]]),
        np.concatenate([np.linalg.norm(part, axis=0) for part in strengths[1:]]),
        np.concatenate([units.biases[name] for name in hidden]),
        activations.mean(axis=0),
        activations.std(axis=0),
        (activations > 0).mean(axis=0),
        np.zeros(units.total) if response is None else np.asarray(response, dtype=float),
    )
    return list(zip(FEATURES, arrays, strict=True))
