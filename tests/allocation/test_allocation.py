import json

import matplotlib
import numpy as np
import pytest
import torch

import regions
from regions.errors import ArgumentError, BudgetError, DataError, UnsupportedModelError

matplotlib.use("agg")


def test_apply_gives_masks_with_these_counts(pairs):
    model = pairs([30, 20, 10, 4])
    found = regions.allocate(model, 0.1)
    for options in ({}, {"criterion": "random"}, {"repair": True}):
        masks = found.apply(model, **options)
        assert masks.counts == found.counts
    report = found.apply(model, repair=True).effective()
    assert report.weights["layer1"] == found.counts["layer1"]


def test_widths_fit_a_model_of_the_same_shapes():
    model = torch.nn.Sequential(torch.nn.Linear(30, 20), torch.nn.ReLU(), torch.nn.Linear(20, 4))
    found = regions.allocate([30, 20, 4], 0.1)
    assert found.apply(model).counts == {"0": 60, "2": 80}
    with pytest.raises(ArgumentError, match="the allocation is for layers of shapes"):
        regions.allocate([30, 21, 4], 0.1).apply(model)


def test_amounts_are_what_torch_prune_removes():
    from torch.nn.utils import prune

    layer = torch.nn.Linear(30, 20)
    found = regions.allocate([30, 20, 4], 0.1)
    prune.l1_unstructured(layer, "weight", amount=found.amounts["layer1"])
    assert int(layer.weight_mask.sum()) == found.counts["layer1"]


def test_frame_dictionary_and_summary():
    found = regions.allocate([30, 20, 10, 4], 0.1, fixed={"layer1": 0.05})
    frame = found.to_frame()
    assert list(frame["role"]) == ["fixed", "free", "whole"]
    assert frame["count"].sum() == sum(found.counts.values())
    assert (frame["density"] == list(found.densities.values())).all()
    assert json.loads(json.dumps(found.to_dict()))["counts"] == found.counts
    assert "layer2" in found.summary()


def test_what_is_kept_whole_is_said():
    found = regions.allocate([30, 20, 10, 40], 0.01, objective="erk")
    assert found.density == 8 / 800 and found.overall_density == 408 / 1200
    said = found.summary()
    assert "Kept whole, outside this density: output." in said and "408 of 1200" in said
    inside = regions.allocate([30, 20, 10, 40], 0.01, objective="erk", prune_output=True)
    assert inside.overall_density == inside.density and "Kept whole" not in inside.summary()


def test_save_and_load(tmp_path):
    for objective in ("effective-weights", "erk"):
        found = regions.allocate([30, 20, 10, 4], 0.1, objective=objective)
        assert regions.Allocation.load(found.save(tmp_path / "a.json")) == found
    text = found.save(tmp_path / "a.csv").read_text()
    assert text.splitlines()[0].startswith("layer,role,size,count,density")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"kind": "regions.Allocation"}', "null"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"a\.json"):
        regions.Allocation.load(path)
    with pytest.raises(DataError):
        regions.Allocation.load(tmp_path / "none.json")


def test_truncated_files_are_refused(tmp_path):
    path = regions.allocate([9, 8, 3], 0.5).save(tmp_path / "a.json")
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DataError, match="no allocation"):
        regions.Allocation.load(path)


def test_plot_draws_into_the_given_axes():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    assert regions.allocate([30, 20, 10, 4], 0.1).plot(ax) is ax
    assert ax.get_ylabel().startswith("density")
    plt.close(figure)


W = [9, 8, 7, 3]
WEIGHTS = {"objective": "effective-weights"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"density": 0}, ArgumentError, "above 0 and at most 1"),
        ({"density": 0.0}, ArgumentError, "above 0 and at most 1"),
        ({"density": 1.5}, ArgumentError, "above 0 and at most 1"),
        ({"density": float("nan")}, ArgumentError, "above 0 and at most 1"),
        ({"density": "0.5"}, ArgumentError, "above 0 and at most 1"),
        ({}, ArgumentError, "exactly one of"),
        ({"density": 0.5, "weights": 60}, ArgumentError, "exactly one of"),
        ({"sparsity": 1.0}, ArgumentError, r"in \[0, 1\)"),
        ({"sparsity": -0.1}, ArgumentError, r"in \[0, 1\)"),
        ({"sparsity": "most"}, ArgumentError, "must be a number"),
        ({"compression": 0.5}, ArgumentError, "at least 1"),
        ({"compression": float("inf")}, ArgumentError, "at least 1"),
        ({"weights": 0}, ArgumentError, "whole number"),
        ({"weights": 10.0}, ArgumentError, "whole number"),
        ({"weights": 1}, BudgetError, "between 2"),
        ({"weights": 1000}, BudgetError, "and 128 together"),
        ({"density": 1e-9}, BudgetError, "keeps none"),
        ({"density": 0.5, "skip": ["fc1"]}, ArgumentError, "skip names the layer 'fc1'"),
        ({"density": 0.5, "skip": "layer1"}, ArgumentError, "collection of layer names"),
        ({"density": 0.5, "time_limit": "5"}, ArgumentError, "time_limit is"),
        ({"density": 0.5, "skip": ["layer1", "layer2"]}, BudgetError, "no layer is left"),
        ({"density": 0.5, "fixed": {"fc1": 0.1}}, ArgumentError, "fixed names the layer"),
        ({"density": 0.5, "fixed": {"layer1": 0}}, ArgumentError, "fixed density of 'layer1'"),
        ({"density": 0.5, "fixed": {"output": 0.5}}, ArgumentError, "kept whole"),
        ({"density": 0.1, "fixed": {"layer1": 0.5}}, BudgetError, "fixed layers"),
        ({"density": 0.1, "minimum": 0.5}, BudgetError, "minimum"),
        ({"density": 0.1, "minimum": -1}, ArgumentError, "minimum must be"),
        ({"density": 0.1, "minimum": 1.5}, ArgumentError, "minimum must be"),
        ({"density": 0.5, "objective": "beauty"}, ArgumentError, "objective is 'beauty'"),
        ({"density": 0.5, "objective": "erk", "draws": 3}, ArgumentError, "its options are: none"),
        ({"density": 0.5, "objective": "lamp"}, ArgumentError, "needs a model"),
        ({"density": 0.5, "objective": "global"}, ArgumentError, "needs a model"),
        ({"density": 0.5, "objective": "parabola", "skip": ["layer1"]}, ArgumentError, "two free"),
        ({"density": 0.5, **WEIGHTS, "masks": "magnitude"}, ArgumentError, "needs a model"),
        ({"density": 0.5, **WEIGHTS, "masks": "beautiful"}, ArgumentError, "masks is 'beautiful'"),
        ({"density": 0.5, **WEIGHTS, "draws": 0}, ArgumentError, "draws must be"),
        ({"density": 0.5, "objective": lambda d: None}, ArgumentError, "must return a number"),
        ({"density": 0.5, "objective": lambda d: np.nan}, ArgumentError, "must return a number"),
        ({"density": 0.5, "tolerance": -1}, ArgumentError, "tolerance must be"),
        ({"density": 0.5, "max_evaluations": 0}, ArgumentError, "max_evaluations"),
    ],
)
def test_wrong_calls_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        regions.allocate(W, **arguments)


@pytest.mark.parametrize(
    "widths", [[], [5], [5, 0, 2], [5, -1, 2], [5, 2.5, 2], [True, 3, 2], [5, None]]
)
def test_wrong_widths_are_refused(widths):
    with pytest.raises(ArgumentError, match="widths must be whole numbers"):
        regions.allocate(widths, 0.5)


def test_wrong_models_are_refused(pairs, small_conv):
    broken = pairs([5, 4, 3])
    broken[0][0][0, 0] = np.nan
    with pytest.raises(ArgumentError, match="NaN"):
        regions.allocate(broken, 0.5)
    with pytest.raises(UnsupportedModelError, match="state_dict"):
        regions.allocate(small_conv().state_dict(), 0.5)
    with pytest.raises(UnsupportedModelError, match="wiring is unknown"):
        regions.allocate(small_conv(), 0.5)
    with pytest.raises(UnsupportedModelError, match="needs an MLP"):
        regions.allocate(small_conv(), 0.5, "expected", input_shape=(1, 4, 4))
    assert regions.allocate(small_conv(), 0.5, "erk").budget == 90
