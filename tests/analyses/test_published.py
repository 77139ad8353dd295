"""Published weights: whose parameters they are, and how the study where to prune takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from analyses.published import states_of, with_state
from analyses.where_to_prune import WhereToPrune
from regions.errors import DataError
from regions.training import build_model


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return files of a few images and of a ResNet-20's parameters under two names."""
    folder = tmp_path_factory.mktemp("published")
    images = np.random.default_rng(0).integers(0, 256, size=(60, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(60) % 10
    parts = {"X_train": images, "y_train": labels, "X_test": images[:20], "y_test": labels[:20]}
    np.savez(folder / "images.npz", **parts)
    state = {
        f"{name}/{key}": value.numpy()
        for seed, name in enumerate(("resnet20", "another"))
        for key, value in build_model("resnet20", (3, 8, 8), 10, seed=seed).state_dict().items()
    }
    np.savez(folder / "weights.npz", **state)
    return {"data": folder / "images.npz", "weights": folder / "weights.npz"}


def test_every_network_has_its_own_parameters_and_the_wanted_one_is_first(files) -> None:
    states = states_of(files["weights"], "resnet20")
    assert list(states) == ["resnet20", "another"]
    for seed, state in enumerate(states.values()):
        expected = build_model("resnet20", (3, 8, 8), 10, seed=seed).state_dict()
        assert all(np.array_equal(state[name], value) for name, value in expected.items())
    with pytest.raises(DataError, match="not of resnet56"):
        states_of(files["weights"], "resnet56")


def test_parameters_that_are_missing_or_of_another_network_are_named() -> None:
    model = torch.nn.Linear(2, 3)
    with pytest.raises(DataError, match=r"1 missing \(bias\); 1 unexpected \(scale\)"):
        with_state(model, {"weight": np.zeros((3, 2)), "scale": np.ones(1)})


def test_with_published_weights_nothing_is_trained_before_pruning(files, tmp_path) -> None:
    study = WhereToPrune(
        data=str(files["data"]),
        weights=files["weights"],
        model="resnet20",
        seeds=2,
        densities=(0.1,),
        epochs=1,
        scan=False,
        objectives=False,
        random_masks=0,
    ).settled()
    assert isinstance(study, WhereToPrune)
    prepared = study.prepare(tmp_path)
    state = states_of(files["weights"], "resnet20")["resnet20"]
    for seed in range(2):
        found = prepared.model(seed).state_dict()
        assert all(np.array_equal(found[name], value) for name, value in state.items())
    given = study.given(prepared, density=0.1, seed=0)
    rows = study.measure(0.1, 0, **given).set_index(["allocation", "selection"])
    kept = rows.filter(like="count_").sum(axis=1)
    assert set(kept) == {kept["balance", "default"]}  # every arm spends the same
    for name in ("snip", "synflow", "lamp"):  # what is repaired is on paths throughout
        assert rows.loc[(name, "repair"), "effective_weights"] == kept[name, "repair"]
