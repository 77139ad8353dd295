"""One table of wrong calls: each raises its documented error, says what to do, leaves no file."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError, BudgetError, DataError, DomainError, UnsupportedModelError
from regions.networks.load import load_model
from regions.training import Recipe, build_model, load_data, train

WIDTHS = [6, 5, 4, 3]


def mlp(weight=None):
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    if weight is not None:
        nn.init.constant_(model[0].weight, weight)
    return model


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x


def damaged(name):
    """Write a damaged file into the current folder and return its name."""
    path, masks = Path(name), regions.prune(mlp(), 0.5)
    if name == "cut.npz":
        content = masks.save(name).read_bytes()
        path.write_bytes(content[: len(content) // 2])
    elif name == "pickle.npz":
        path.write_bytes(pickle.dumps(dict(masks)))
    elif name == "labels.npz":
        arrays = {"X_train": np.zeros((4, 2, 2), np.uint8), "y_train": np.zeros(3, int)}
        np.savez(name, **arrays, X_test=np.zeros((2, 2, 2), np.uint8), y_test=np.zeros(2, int))
    elif name == "whole.pt":
        torch.save(mlp(), name)
    return name


CALLS = {
    "density 0": (lambda: regions.prune(mlp(), 0), ArgumentError, "0"),
    "density above 1": (lambda: regions.prune(mlp(), 1.2), ArgumentError, "1.2"),
    "density NaN": (lambda: regions.prune(mlp(), float("nan")), ArgumentError, "nan"),
    "density as text": (lambda: regions.prune(mlp(), "half"), ArgumentError, "half"),
    "unknown criterion": (lambda: regions.prune(mlp(), 0.5, "luck"), ArgumentError, "luck"),
    "unknown layer": (lambda: regions.prune(mlp(), {"conv": 0.5}), ArgumentError, "conv"),
    "nothing kept": (lambda: regions.prune(mlp(), 1e-9), BudgetError, "weight"),
    "repair of too few": (
        lambda: regions.prune(mlp(), {"0": 29 / 30, "2": 1 / 20}, repair=True),
        BudgetError,
        "path",
    ),
    "NaN weights": (lambda: regions.prune(mlp(float("nan")), 0.5), ArgumentError, "NaN"),
    "infinite weights": (
        lambda: regions.as_network(mlp(float("inf"))),
        ArgumentError,
        "retrain or repair",
    ),
    "allocate 0": (lambda: regions.allocate(WIDTHS, 0), ArgumentError, "0"),
    "allocate above 1": (lambda: regions.allocate(WIDTHS, 2), ArgumentError, "2"),
    "two budgets": (lambda: regions.allocate(WIDTHS, 0.5, weights=9), ArgumentError, "one"),
    "no budget": (lambda: regions.allocate(WIDTHS), ArgumentError, "one"),
    "skip of nothing": (
        lambda: regions.allocate(WIDTHS, 0.5, skip=["conv"]),
        ArgumentError,
        "conv",
    ),
    "fixed above budget": (
        lambda: regions.allocate(WIDTHS, 0.1, fixed={"layer1": 1.0}),
        BudgetError,
        "fixed",
    ),
    "unknown objective": (
        lambda: regions.allocate(WIDTHS, 0.5, objective="best"),
        ArgumentError,
        "best",
    ),
    "one width": (lambda: regions.allocate([5], 0.5), ArgumentError, "widths"),
    "widths of fractions": (lambda: regions.upper_bound([2.5, 3]), ArgumentError, "2.5"),
    "negative width": (lambda: regions.upper_bound([2, -3]), ArgumentError, "-3"),
    "unknown bound": (lambda: regions.upper_bound([2, 3], "tight"), ArgumentError, "tight"),
    "density of a mask": (
        lambda: regions.upper_bound([2, 3], "live", density=0.5),
        ArgumentError,
        "masks",
    ),
    "mask of wrong shape": (
        lambda: regions.upper_bound([2, 3], "live", masks=[np.ones((2, 3), bool)]),
        ArgumentError,
        "shape",
    ),
    "dimension above inputs": (lambda: regions.upper_bound([2, 3], dim=5), ArgumentError, "5"),
    "rank of no matrix": (
        lambda: regions.rank_distribution(0, 3, 0.5),
        ArgumentError,
        "0",
    ),
    "Tanh": (
        lambda: regions.as_network(nn.Sequential(nn.Linear(2, 2), nn.Tanh())),
        UnsupportedModelError,
        "Tanh",
    ),
    "control flow": (lambda: regions.as_network(Flow()), UnsupportedModelError, "control flow"),
    "state_dict": (
        lambda: regions.as_network(mlp().state_dict()),
        UnsupportedModelError,
        "give the module",
    ),
    "conv without shape": (
        lambda: regions.as_network(nn.Sequential(nn.Conv2d(1, 1, 3))),
        ArgumentError,
        "input_shape",
    ),
    "empty box": (lambda: regions.Box([1.0], [0.0]), DomainError, "low < high"),
    "identical points": (lambda: regions.Slice.through(np.ones((2, 3))), DomainError, "coincide"),
    "mask of text": (lambda: regions.Masks({"fc": "yes"}), ArgumentError, "fc"),
    "masks of another model": (
        lambda: regions.Masks({"fc": np.ones((2, 2))}).apply(mlp()),
        ArgumentError,
        "fc",
    ),
    "truncated masks": (lambda: regions.Masks.load(damaged("cut.npz")), DataError, "cut.npz"),
    "pickle for masks": (
        lambda: regions.Masks.load(damaged("pickle.npz")),
        DataError,
        "pickle.npz",
    ),
    "missing masks": (lambda: regions.Masks.load("missing.npz"), DataError, "missing.npz"),
    "pickled model for weights": (
        lambda: load_model(f"torch.nn:Identity@{damaged('whole.pt')}"),
        DataError,
        "state_dict",
    ),
    "labels that do not fit": (lambda: load_data(damaged("labels.npz")), DataError, "3 labels"),
    "missing data": (lambda: load_data("missing.npz"), DataError, "missing.npz"),
    "unknown model": (lambda: build_model("alexnet", (1, 8, 8), 10), ArgumentError, "alexnet"),
    "recipe": (lambda: Recipe(lr=-1.0), ArgumentError, "lr"),
    "model for other images": (
        lambda: train([mlp()], load_data("digits")),
        ArgumentError,
        "images",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_calls(name, tmp_path, monkeypatch):
    call, error, message = CALLS[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        call()
    assert {path.name for path in tmp_path.iterdir()} <= {
        "cut.npz",
        "pickle.npz",
        "labels.npz",
        "whole.pt",
    }
