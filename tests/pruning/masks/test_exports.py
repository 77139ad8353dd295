"""What we write for other packages does there what it says, and comes back from there."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import regions

tp = pytest.importorskip("torch_pruning", minversion="1.5")


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def test_torch_pruning_removes_the_share_that_the_dictionary_says() -> None:
    model = _model()
    masks = regions.prune(model, {"0": 0.25, "2": 0.5})
    ratios = masks.pruning_ratio_dict(model)
    back = {name: 1.0 - ratios[part] for name, part in model.named_children() if part in ratios}
    assert regions.prune(model, back) == masks
    pruner = tp.pruner.MagnitudePruner(
        model,
        torch.zeros(1, 12),
        importance=tp.importance.MagnitudeImportance(),
        pruning_ratio=0.0,
        pruning_ratio_dict=ratios,
        ignored_layers=[model[4]],
    )
    pruner.step()
    assert [tuple(model[place].weight.shape) for place in (0, 2, 4)] == [(4, 12), (4, 4), (3, 4)]


def test_torch_prunes_by_the_amounts_of_an_allocation_what_prune_does() -> None:
    model = _model()
    allocation = regions.allocate(model, 0.2, "erk")
    masks = regions.prune(model, allocation)
    for name, amount in allocation.amounts.items():
        if amount:
            prune.l1_unstructured(model.get_submodule(name), "weight", amount=amount)
    assert regions.Masks.from_model(model) == masks
