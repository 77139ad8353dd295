"""The study of all methods: equal budgets, factors, what is measured, identical runs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import regions
from analyses.methods_arms import (
    Arm,
    arms,
    component_weights,
    dead_units,
    factorised,
    ranks,
    structure,
    unit_weights,
)
from analyses.methods_figure import tabulate
from analyses.methods_table import MethodsTable
from analyses.study import compute
from regions.errors import ArgumentError
from regions.pruning import CRITERIA, METHODS
from regions.pruning.removal.merge import merge_redundant_units
from regions.training import Split, build_model


@pytest.fixture
def net():
    return build_model("mlp", (1, 4, 5), 4, hidden=(12, 8))


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return Split(rng.normal(size=(60, 1, 4, 5)).astype(np.float32), np.arange(60) % 4)


def test_every_name_of_the_registry_has_an_arm():
    assert set(CRITERIA) | set(METHODS) <= set(arms())


@pytest.mark.filterwarnings("ignore:no weight is kept:UserWarning")  # of global scope
@pytest.mark.parametrize("name", arms())
@pytest.mark.parametrize("density", [0.5, 0.1])
def test_arms_keep_equal_numbers_of_weights(name, density, net, batch):
    arm, size = arms()[name], 20 * 12 + 12 * 8 + 8 * 4
    masks = arm.prune(net, density, batch, seed=0)
    kept = sum(masks.counts.values())
    if arm.keeps == "units":
        share = arm.share([20, 12, 8, 4], density)
        assert kept == unit_weights([20, 12, 8, 4], share)
        others = [unit_weights([20, 12, 8, 4], k / 12) for k in range(1, 13)]
        assert abs(kept - density * size) == min(abs(np.array(others) - density * size))
    elif arm.keeps == "components":
        share = arm.share([20, 12, 8, 4], density)
        applied = masks.apply(net, how="zeros")
        found = [np.linalg.matrix_rank(part.weight.detach().numpy(), rtol=1e-5)
                 for part in list(applied)[:-1] if hasattr(part, "weight")]  # fmt: skip
        assert found == ranks([20, 12, 8, 4], share)
    elif name == "merge":
        largest = max(
            float(part.weight.detach().abs().max()) for part in net if hasattr(part, "weight")
        )
        found = [merge_redundant_units(net, theta, (1, 4, 5)).total_density
                 for theta in np.linspace(0, 2 * largest)]  # fmt: skip
        assert abs(masks.total_density - density) == min(abs(np.array(found) - density))
    elif name == "blocks":  # less than a row of a block is missing in each layer
        assert 0 <= round(density * size) - kept < 3 * 8
    else:
        assert kept == round(density * size)


def test_budgets_that_no_rank_meets_are_left_out():
    widths, arm = [20, 12, 8, 4], arms()["spectral"]
    assert component_weights(widths, 0.01) == 32 + 20 + 32  # rank 1, and the output layer
    assert arm.meets(widths, 0.2) and not arm.meets(widths, 0.1)
    assert all(arms()[name].meets(widths, 0.1) for name in ("magnitude", "subspace"))


def test_factors_have_the_rank_and_the_outputs_of_the_truncated_network(net, batch):
    whole, x = factorised(net, 1.0), torch.from_numpy(batch.inputs)
    torch.testing.assert_close(whole(x), net(x), rtol=1e-4, atol=1e-5)
    small = factorised(net, 0.25)
    numbers = sum(value.numel() for name, value in small.named_parameters() if "bias" not in name)
    assert numbers == component_weights([20, 12, 8, 4], 0.25)
    assert small.fc1_first.weight.shape == (3, 20) and small.fc2_second.weight.shape == (8, 2)
    assert small.fc3 is net.fc3
    # the bound knows the ranks of the products
    low, high = (regions.upper_bound(model, "live").log2 for model in (small, net))
    assert low < high == regions.upper_bound([20, 12, 8, 4][:3], "serra").log2
    product = small.fc1_second.weight @ small.fc1_first.weight
    sizes = torch.linalg.svdvals(net.fc1.weight)
    error = torch.linalg.matrix_norm(product - net.fc1.weight)
    torch.testing.assert_close(error, (sizes[3:] ** 2).sum().sqrt())  # Eckart and Young


def test_what_is_measured(net, batch):
    with torch.no_grad():
        net.fc1.weight[:6] = 0.0  # constant units
        net.fc2.weight[:, :3] = 0.0  # no constant units: they read the others
        net.fc2.weight[7] = 0.0
    found = structure(net)
    assert found["zero_rows"] == pytest.approx(7 / 24)
    assert found["zero_columns"] == pytest.approx(3 / 40)
    assert found["rank"] == pytest.approx((6 + 7 + 4) / (12 + 8 + 4))
    with torch.no_grad():
        net.fc2.bias[0] = -1e6  # never active
    assert dead_units(net, batch.inputs) == pytest.approx(8 / 20)


def test_runs_are_identical_and_go_on(tmp_path, monkeypatch):
    few = ("magnitude", "grasp", "random, rescaled draw")
    config = MethodsTable(smoke=True, progress=False, arms=few).settled()
    config = replace(config, rates=(0.1,))
    first, second = (compute(replace(config, out=tmp_path / name)) for name in "ab")
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert len(first) == (3 + 1) * 2 and len(tabulate(first)) == 4
    # nothing is pruned again
    monkeypatch.setattr(Arm, "prune", lambda *_: pytest.fail("computed again"))
    again = compute(replace(config, out=tmp_path / "a"))
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_unknown_arms_are_refused():
    with pytest.raises(ArgumentError, match="no arm 'luck'"):
        MethodsTable(arms=("luck",)).settled()
    with pytest.raises(ArgumentError, match="fractions in"):
        MethodsTable(densities=(0.5, 1.0)).settled()
