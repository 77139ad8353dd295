"""Layers that are calls of functions: what feeds them is compared, and the page says so."""

from dataclasses import replace

import torch
from small_atlas import SMALL
from torch import nn

from regions.atlas import survey
from regions.training import Recipe

SMALLER = replace(
    SMALL, densities=(0.2,), methods=("magnitude",), seeds=1, planes=1, lines=1, images=60,
    dense=Recipe(epochs=1), fine=Recipe(epochs=1),
)  # fmt: skip


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(64, 8), nn.Linear(8, 10)

    def forward(self, x):
        return self.second(torch.nn.functional.relu(self.first(x.flatten(1))))


def modules():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))


def test_the_absence_of_functional_layers_is_said(tmp_path):
    said = {}
    for factory in (Functional, modules):
        atlas = survey(factory, "digits", tmp_path / factory.__name__, SMALLER)
        said[factory] = [note for note in atlas.notes if "calls of a function" in note]
        assert set(atlas.layers["layer"]) == (
            {"first", "second"} if factory is Functional else {"2"}
        )
    (note,) = said[Functional]
    assert note.startswith("1 ReLU layer") and "before the ReLU" in note
    assert said[modules] == []
