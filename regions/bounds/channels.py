"""Steps of Serra's recursion for large convolutional networks, without a matrix of any layer."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from regions.bounds.recursion import Step
from regions.bounds.supports import LARGEST, generic_rank, numerical_rank

if TYPE_CHECKING:
    from regions.networks import Graph, ReLUNetwork
    from regions.networks.steps import Step as Operation


def channel_steps(net: ReLUNetwork, kind: str) -> list[Step]:
    """Return the steps of the bound `kind` of a network, from its kernels and its wiring.

    Units are counted position by position, as with matrices: all ("rank"), those with a weight
    ("rows"), those that are fed ("live"), those that also feed ("effective"). The rank of a
    layer's map is bounded through what it is made of. A convolution's matrix has one block of rows
    for each place, each a product with the kernel as a matrix (outputs, inputs x taps), so its rank
    is at most the number of places times the rank of that kernel matrix; the rank of a product is
    at most that of each factor, of a sum at most the sum, and none exceeds the coordinates that
    count. The bound is valid, and that of the matrices themselves where they have the full rank
    that counts and kernels allow; else it is looser. Derived for this package.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.ones((3, 2)), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))])
    >>> channel_steps(net, "rank")[0].rank
    1
    """
    graph = net.graph
    counts, after = _counted(net, kind)
    kernels = _kernel_ranks(net)
    ranks: dict[str, int] = {graph.steps[0].name: counts[graph.steps[0].name]}

    def bound(step: Operation, read: list[int]) -> int:
        whole = sum(read) if len(read) > 1 else min(read[0], kernels.get(step.name, read[0]))
        return min(whole, counts[step.name])

    steps = []
    for relu, segment, carried in zip(graph.relus, graph.segments, graph.carried, strict=False):
        ranks = graph.run(ranks, bound, segment)
        rank = ranks[relu.inputs[0]]
        passed = [ranks[name] for name in carried]
        units = after[relu.name]
        steps.append(
            Step(
                units=units,
                rank=min(rank, units),
                image=min(rank, units) + sum(passed),
                carried=sum(counts[name] for name in carried),
                keeps=relu.slope != 0.0,
            )
        )
        ranks = {name: ranks[name] for name in carried} | {relu.name: units}
    return steps


def _counted(net: ReLUNetwork, kind: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return how many coordinates of each step count, and how many units of each ReLU step."""
    graph = net.graph
    if kind == "rank":
        sizes = {step.name: step.size for step in graph.steps}
        return sizes, sizes
    if kind == "rows":
        known = _with_weights(net)
    else:
        from regions.networks import liveness

        masks = {name: net.weights[name] != 0 for name in graph.prunable}
        alive = liveness(graph, masks)
        known = dict(alive.fed)
        if kind == "effective":
            known = {name: known[name] & alive.feeding[name] for name in known}
    counts = {step.name: int(np.count_nonzero(known[step.name])) for step in graph.steps}
    return counts, counts


def _with_weights(net: ReLUNetwork) -> dict[str, np.ndarray]:
    """Return what depends on the state after the ReLU before, as if all of that varied."""
    import torch

    graph: Graph = net.graph
    kept = {
        f"{name}.weight": torch.from_numpy((value != 0).astype(np.float32))
        for name, value in net.weights.items()
    }

    def follow(step: Operation, read: list[Any]) -> Any:
        if step.kind == "relu":
            found[step.name] = (read[0] > 0).numpy()[0]
            return torch.ones_like(read[0])
        value = (step.sizes(read, kept) > 0).float()
        found[step.name] = value.numpy()[0] > 0
        return value

    found = {graph.steps[0].name: np.ones(graph.input_shape, dtype=bool)}
    with torch.no_grad():
        graph.run({graph.steps[0].name: torch.ones(1, *graph.input_shape)}, follow)
    return found


def _kernel_ranks(net: ReLUNetwork) -> dict[str, int]:
    """Return for each layer what its kernel lets the rank of its matrix be at most."""
    found = {}
    for step in net.graph.steps:
        if step.kind not in ("linear", "conv"):
            continue
        weight = np.asarray(net.parameters[f"{step.module}.weight"])
        groups = getattr(step, "groups", 1)
        kernels = weight.reshape(groups, len(weight) // groups, -1)
        places = step.size // len(weight)
        found[step.name] = places * sum(_rank(kernel) for kernel in kernels)
    return found


def _rank(kernel: np.ndarray) -> int:
    rows, columns = kernel.shape
    if min(rows, columns) == 1:
        return int(kernel.any())
    support = sparse.csr_array(kernel)
    found = generic_rank(support)
    return min(found, numerical_rank(support)) if prod(kernel.shape) <= LARGEST else found
