"""The arms of `analyses.methods_table`: what is pruned how, and what training goes on from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

import regions
from regions.choices import options_of
from regions.pruning import CRITERIA, METHODS
from regions.pruning.counts import nearest
from regions.pruning.removal.merge import merge_redundant_units
from regions.training import Split
from regions.training.restart import Start

WEIGHT_DECAY = 5e-4
"""Of all trainings; the gradient criteria need to know it."""


@dataclass(frozen=True)
class Arm:
    """How one arm prunes and goes on."""

    criterion: str
    options: Mapping[str, Any] = field(default_factory=dict)
    early: bool = False
    """Look at the network before training instead of the trained one."""
    start: Start = "trained"
    """Which weights training goes on from: see `regions.training.restart`."""
    keeps: Literal["weights", "units", "components"] = "weights"
    """What a density counts."""
    scope: str = "global"
    """Whether weights compete in the whole network or, at equal densities, in each layer."""
    objective: str | None = None
    """How `regions.allocate` shares the budget among the layers, where they are given shares."""

    def prune(self, model: nn.Module, density: float, batch: Split, seed: int) -> regions.Masks:
        """Return masks that keep about this fraction of all weights of a perceptron."""
        if self.criterion == "merge":
            return merged(model, density, batch.inputs.shape[1:])
        known = options_of({**CRITERIA, **METHODS}[self.criterion])
        data = {"inputs": batch.inputs, "labels": batch.labels}
        seen = {name: value for name, value in data.items() if name in known}
        shape = batch.inputs.shape[1:]
        options = {**seen, **self.options, "input_shape": shape, "rng": seed}
        if self.keeps == "weights":
            how: dict[str, Any] = {"scope": self.scope, "prune_output": True}
            budget: Any = density
            if self.objective is not None:
                budget = regions.allocate(
                    model, density, objective=self.objective, prune_output=True
                )
            return regions.prune(model, budget, self.criterion, **how, **options)
        share = self.share(widths_of(model), density)
        names = [name for name, part in model.named_children() if isinstance(part, nn.Linear)]
        return regions.prune(model, dict.fromkeys(names[:-1], share), self.criterion, **options)

    def share(self, widths: Sequence[int], density: float) -> float:
        """Return the share of units or components whose numbers come nearest to the budget."""
        total = density * sum(a * b for a, b in pairwise(widths))
        steps = max(widths[1:-1])
        shares = [step / steps for step in range(1, steps + 1)]
        return min(shares, key=lambda share: abs(self.stored(widths, share) - total))

    def stored(self, widths: Sequence[int], share: float) -> int:
        """Return how many numbers are left at a share of units or components."""
        return (unit_weights if self.keeps == "units" else component_weights)(widths, share)

    def meets(self, widths: Sequence[int], density: float) -> bool:
        """Tell whether the arm comes within half of the budget."""
        if self.keeps == "weights":
            return True
        total = density * sum(a * b for a, b in pairwise(widths))
        return abs(self.stored(widths, self.share(widths, density)) - total) < total / 2


def unit_weights(widths: Sequence[int], share: float) -> int:
    """Return the number of weights left if this share of every hidden layer's units is kept.

    >>> unit_weights([64, 100, 100, 10], 0.1)
    840
    """
    kept = [widths[0], *(max(1, nearest(share, size)) for size in widths[1:-1]), widths[-1]]
    return sum(a * b for a, b in pairwise(kept))


def component_weights(widths: Sequence[int], share: float) -> int:
    """Return the numbers in two factors of every hidden layer, and in the output layer, kept whole.

    >>> component_weights([64, 100, 100, 10], 0.1)
    3984
    """
    pairs = list(pairwise(widths[:-1]))
    factors = zip(pairs, ranks(widths, share), strict=True)
    return sum(rank * (a + b) for (a, b), rank in factors) + widths[-2] * widths[-1]


def ranks(widths: Sequence[int], share: float) -> list[int]:
    """Return how many components each hidden layer keeps."""
    return [max(1, nearest(share, min(pair))) for pair in pairwise(widths[:-1])]


def widths_of(model: nn.Module) -> list[int]:
    """Return inputs, hidden units and outputs of a perceptron."""
    layers = linear_layers(model)
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def factorised(model: nn.Module, share: float) -> nn.Module:
    """Return a perceptron with each hidden layer as the product of two of its components' rank."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    wanted = iter(ranks(widths_of(model), share))
    for name, part in model.named_children():
        rank = next(wanted, None) if isinstance(part, nn.Linear) else None
        if rank is None or not isinstance(part, nn.Linear):
            parts[name] = part
            continue
        u, s, v = torch.linalg.svd(part.weight.detach().double(), full_matrices=False)
        first = nn.Linear(part.in_features, rank, bias=False)
        second = nn.Linear(rank, part.out_features)
        with torch.no_grad():
            first.weight.copy_(s[:rank, None].sqrt() * v[:rank])
            second.weight.copy_(u[:, :rank] * s[:rank].sqrt())
            second.bias.copy_(part.bias)
        parts |= {f"{name}_first": first, f"{name}_second": second}
    return nn.Sequential(parts)


def merged(model: nn.Module, density: float, input_shape: tuple[int, ...]) -> regions.Masks:
    """Return the merge of redundant units, of 50 thresholds, that comes nearest to the budget."""
    largest = max(float(part.weight.detach().abs().max()) for part in linear_layers(model))
    found = (
        merge_redundant_units(model, theta, input_shape) for theta in np.linspace(0, 2 * largest)
    )
    return min(found, key=lambda masks: abs(masks.total_density - density))


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """Return the layers of a perceptron."""
    return [part for part in model.modules() if isinstance(part, nn.Linear)]


# what a name of the registry means here, where it is more than the name
_TABLE = {
    "blocks": Arm("blocks", {"block": 8, "budget": "layer"}, scope="layer"),
    "disjoint": Arm("disjoint", scope="layer", objective="disjoint"),
    "gradient": Arm("gradient", {"weight_decay": WEIGHT_DECAY, "gradient": "regularised"}),
    "grasp": Arm("grasp", early=True, start="rewind"),
    "greedy": Arm("greedy", keeps="units"),
    "snip": Arm("snip", early=True, start="rewind"),
    "spectral": Arm("spectral", keeps="components"),
    "subspace": Arm("subspace", keeps="units"),
    "synflow": Arm("synflow", early=True, start="rewind"),
    "undecayed": Arm("undecayed", {"weight_decay": WEIGHT_DECAY, "gradient": "regularised"}),
}
_OTHERS = {
    "merge": Arm("merge"),
    "magnitude per layer": Arm("magnitude", scope="layer"),
    "magnitude, rewound": Arm("magnitude", start="rewind"),
    "magnitude, drawn anew": Arm("magnitude", start="reinit"),
    "magnitude, rescaled draw": Arm("magnitude", start="rescaled"),
    "random, rescaled draw": Arm("random", start="rescaled"),
    "subspace, no refit": Arm("subspace", {"refit": False}, keeps="units"),
    "greedy, refit": Arm("greedy", {"refit": True}, keeps="units"),
    "random units": Arm("subspace", {"order": "random", "refit": False}, keeps="units"),
    "random units, refit": Arm("subspace", {"order": "random"}, keeps="units"),
    "random components": Arm("spectral", {"score": "random"}, keeps="components"),
}


def arms() -> dict[str, Arm]:
    """Return every criterion and method of the registry, then merging and the controls."""
    registered = {name: _TABLE.get(name, Arm(name)) for name in (*CRITERIA, *METHODS)}
    return {**registered, **_OTHERS}


def structure(model: nn.Module) -> dict[str, float]:
    """Return the shares of zero rows, zero columns and full rank."""
    matrices = [part.weight.detach().double().numpy() for part in linear_layers(model)]
    rows = np.concatenate([~matrix.any(axis=1) for matrix in matrices])
    columns = np.concatenate([~matrix.any(axis=0) for matrix in matrices])
    full = sum(min(matrix.shape) for matrix in matrices)
    # in float32 a product of two factors has its rank up to rounding
    found = [np.linalg.matrix_rank(matrix, rtol=1e-5) for matrix in matrices]
    return {
        "zero_rows": rows.mean(),
        "zero_columns": columns.mean(),
        "rank": sum(found) / full,
    }


def dead_units(model: nn.Module, inputs: np.ndarray) -> float:
    """Return the share of hidden units that are constant on these inputs."""
    constant, x = [], torch.from_numpy(inputs)
    with torch.no_grad():
        for part in model.children():
            x = part(x)
            if isinstance(part, nn.ReLU):
                constant.append(x.amax(0) == x.amin(0))
    return float(torch.cat(constant).double().mean())
