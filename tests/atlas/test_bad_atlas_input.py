"""Wrong calls are refused before any work: clear words, and nothing written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from regions.cli import main

FACTORIES = """
import torch
from torch import nn

def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(99, 8), nn.ReLU(), nn.Linear(8, 10))

def few_classes():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 7))

def curved():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10))

def text():
    return "no model"
"""

CALLS = {
    "missing data": (["mlp", "--data", "missing.npz"], "missing.npz"),
    "broken data": (["mlp", "--data", "broken.npz"], "broken.npz"),
    "one class": (["mlp", "--data", "one.npz"], "one class"),
    "too wide": (["atlas_zoo:wide"], "does not match digits"),
    "too few outputs": (["atlas_zoo:few_classes"], "one logit per class"),
    "not piecewise linear": (["atlas_zoo:curved"], "Tanh"),
    "no module": (["atlas_zoo:text"], "cannot be trained"),
    "no factory": (["atlas_zoo:missing"], "missing"),
    "no model at all": (["perceptron"], "perceptron"),
    "wrong weights": (["atlas_zoo:few_classes@weights.pt"], "weights.pt"),
    "density 0": (["mlp", "--densities", "0"], "0.0"),
    "density above 1": (["mlp", "--densities", ".5,1.5"], "1.5"),
    "density NaN": (["mlp", "--densities", "nan"], "nan"),
    "density in words": (["mlp", "--densities", "half"], "half"),
    "density twice": (["mlp", "--densities", ".5,.5"], "each once"),
    "density that keeps nothing": (["mlp", "--densities", ".00001"], "smallest density"),
    "unknown method": (["mlp", "--methods", "magnitude,luck"], "luck"),
    "unknown suffix": (["mlp", "--methods", "magnitude+mend"], "mend"),
    "suffix twice": (["mlp", "--methods", "random+repair+repair"], "at most"),
    "no seeds": (["mlp", "--seeds", "0"], "seeds"),
    "no planes": (["mlp", "--planes", "0"], "planes"),
    "no epochs": (["mlp", "--epochs", "-1"], "epochs"),
    "a file as folder": (["mlp", "-o", "weights.pt"], "weights.pt"),
    "a folder below a file": (["mlp", "-o", "weights.pt/out"], "weights.pt"),
}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("atlas_zoo.py").write_text(FACTORIES)
    Path("broken.npz").write_bytes(b"PK nothing")
    images, labels = np.arange(12 * 16).reshape(12, 4, 4).astype(np.uint8), np.zeros(12, int)
    train = {"X_train": images, "y_train": np.arange(12) % 2}
    np.savez("one.npz", **train, X_test=images, y_test=labels)
    torch.save(nn.Linear(2, 2).state_dict(), "weights.pt")
    return tmp_path


@pytest.mark.parametrize("name", CALLS)
def test_refused_before_any_work(name, workplace, capsys):
    arguments, message = CALLS[name]
    folder = [] if "-o" in arguments else ["-o", "out"]
    before = {path.name for path in workplace.iterdir()}
    status = main(["atlas", *arguments, *folder])
    out, err = capsys.readouterr()
    assert status == 1 and out == "" and err.startswith("regions: ") and message in err
    after = {path.name for path in workplace.iterdir()} - {"__pycache__"}
    assert after == before
