"""The numbers of an atlas: what must be equal is equal, and other routes agree."""

import copy
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from small_atlas import SMALL, small_mlp

import regions
from regions.atlas import Settings, read_method, survey
from regions.atlas.measure import CONTROL, DENSE, make_cell
from regions.atlas.page import render
from regions.recall import RecallTable
from regions.theory import empirical_ntk
from regions.training import evaluate, train


def row(frame, **values):
    for name, value in values.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def show(atlas):
    """Draw every figure, and return the page (without them)."""
    for exhibit in atlas.exhibits():
        plt.close(exhibit.draw())
    return render(atlas, [], [], atlas.run.record())


def test_one_row_for_each_method_and_density_after_the_references(atlas):
    expected = [(DENSE, 1.0), (CONTROL, 1.0)]
    expected += [(m, d) for m in SMALL.methods for d in SMALL.densities]
    frame = atlas.to_frame()
    assert list(zip(frame["method"], frame["density"], strict=True)) == expected
    assert (frame["networks"] == SMALL.seeds).all()
    assert len(atlas.networks) == len(expected) * SMALL.seeds
    assert {column.status for column in atlas.quantities} == {"exact", "bound", "estimate"}


def test_pruning_nothing_is_training_on(atlas):
    """Density 1 by any method keeps every weight: all numbers are those of the control."""
    control = atlas.networks[atlas.networks["method"] == CONTROL].drop(columns="method")
    for method in SMALL.methods:
        same = atlas.networks[
            (atlas.networks["method"] == method) & (atlas.networks["density"] == 1.0)
        ].drop(columns="method")
        pd.testing.assert_frame_equal(
            same.reset_index(drop=True), control.reset_index(drop=True), rtol=1e-9
        )
    pruned = atlas.networks[atlas.networks["density"] == 0.1]
    assert (pruned["kept"] < control["kept"].iloc[0]).all()  # the control can fail


def test_a_cell_agrees_with_the_library_called_by_hand(atlas):
    plan, seed = atlas.survey, 1
    dense = plan.dense[seed]
    masks = regions.prune(dense, 0.1)
    pruned = masks.apply(copy.deepcopy(dense), how="zeros")
    model = train([pruned], plan.data, SMALL.fine, masks=masks, seeds=[seed]).model(0)
    net = regions.as_network(model)
    found = row(atlas.networks, method="magnitude", density=0.1, seed=seed)
    assert found["accuracy"] == evaluate([model], plan.data.test).accuracy[0]
    assert found["accuracy_before"] == evaluate([pruned], plan.data.test).accuracy[0]
    assert found["effective_units"] == masks.effective().total_units
    assert found["live_bound"] == regions.upper_bound(net, "live", masks=masks).log2
    counts = [regions.count_regions(net, plane, method="plane").count for plane in plan.planes]
    assert found["regions_plane"] == pytest.approx(np.mean(counts), rel=0.02)  # stacks round
    points = plan.points()
    trace = np.trace(empirical_ntk(model, points, masks=masks)) / np.trace(
        empirical_ntk(dense, points)
    )
    assert found["ntk_size"] == pytest.approx(trace, rel=1e-3)
    layers = regions.compare_layers(dense, model, plan.inputs(), tap="relu").to_frame()
    assert [found["svcca_relu1"], found["svcca_relu2"]] == pytest.approx(
        layers["value"].tolist(), abs=1e-3
    )


def test_the_dense_row_compares_each_network_with_the_next(atlas):
    first, second = atlas.survey.dense[:2]
    layers = regions.compare_layers(first, second, atlas.survey.inputs(), tap="relu").to_frame()
    found = row(atlas.networks, method=DENSE, seed=0)
    assert [found["svcca_relu1"], found["svcca_relu2"]] == pytest.approx(layers["value"].tolist())


def test_counts_keep_below_the_bound_of_their_plane_and_units_are_nested(atlas):
    plan = atlas.survey
    cell = make_cell("random+repair", 0.1, plan)
    for seed, (model, masks) in enumerate(zip(cell.models, cell.masks, strict=True)):
        bound = regions.upper_bound(model, "live", masks=masks, dim=2).log2
        mine = atlas.slices[
            (atlas.slices["method"] == "random+repair")
            & (atlas.slices["density"] == 0.1)
            & (atlas.slices["seed"] == seed)
        ]
        assert len(mine) == SMALL.planes + SMALL.lines
        assert (np.log2(mine["regions"].astype(float)) <= bound).all()
    networks = atlas.networks
    assert (networks["effective_units"] <= networks["live_units"]).all()
    repaired = networks[networks["method"] == "random+repair"]
    assert (repaired["effective_units"] == repaired["live_units"]).all()


def test_means_and_intervals_are_those_of_the_networks(atlas):
    values = atlas.networks[
        (atlas.networks["method"] == "magnitude") & (atlas.networks["density"] == 0.1)
    ]["accuracy"]
    found = row(atlas.table, method="magnitude", density=0.1)
    half = 4.302652729749464 * values.std() / np.sqrt(3)  # t, 2 degrees of freedom
    assert found["accuracy"] == pytest.approx(values.mean())
    assert found["accuracy_high"] - found["accuracy"] == pytest.approx(half)


def test_recall_is_that_of_the_class_counts(atlas):
    rows = atlas.classes[atlas.classes["method"] == "magnitude"].drop(columns="method")
    table = RecallTable.from_frame(rows.assign(ratio=1 / rows["density"], model=rows["seed"]))
    expected = regions.intensification(table, "cross_model").to_frame()
    found = atlas.recall[
        (atlas.recall["method"] == "magnitude") & (atlas.recall["estimator"] == "cross_model")
    ]
    assert found["density"].tolist() == [1.0, 0.1]
    np.testing.assert_allclose(found["estimate"], expected["estimate"])
    accuracy = row(atlas.networks, method="magnitude", density=0.1, seed=2)["accuracy"]
    mine = rows[(rows["density"] == 0.1) & (rows["seed"] == 2)]
    assert mine["correct_pruned"].sum() / mine["n"].sum() == pytest.approx(accuracy)


def test_a_single_given_network_says_what_it_cannot_know(tmp_path):
    settings = replace(SMALL, densities=(0.3,), methods=("random",), planes=1, lines=1)
    model = small_mlp()
    before = copy.deepcopy(model.state_dict())
    found = survey(model, "digits", tmp_path, settings)
    dense, table = row(found.table, method=DENSE), found.table
    assert np.isnan([dense["svcca_relu1"], dense["ntk_distance"]]).all()
    assert table[["alpha", "alpha_across"]].isna().to_numpy().all() and found.recall is None
    assert row(table, method="random")["accuracy_low"] < row(table, method="random")["accuracy"]
    assert any("one dense network" in note for note in found.notes)
    assert any("needs at least 3 networks" in note for note in found.notes)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    show(found)


def test_counts_that_run_out_of_time_are_never_called_exact(tmp_path):
    settings = replace(
        SMALL, densities=(0.3,), methods=("magnitude",), seeds=1, planes=1, time_limit=1e-9
    )
    found = survey("mlp", "digits", tmp_path, settings)
    assert found.table["regions_plane"].isna().all()
    assert (found.slices["count_status"] != "EXACT").any()
    plane = next(column for column in found.quantities if column.key == "regions_plane")
    assert plane.status == "limit" and any("reached the limit" in note for note in found.notes)
    assert 'class="status limit"' in show(found)


def test_methods_by_name():
    assert read_method("random").scope == "layer"
    both = read_method("magnitude+global+repair")
    assert both.repair and both.scope == "global"
    assert Settings(methods=("gradient",)).methods == ("gradient",)


def test_a_criterion_that_needs_images_gets_them(atlas):
    method = read_method("gradient")
    plan = atlas.survey
    rng = np.random.default_rng(0)
    masks = method.prune(plan.dense[0], 0.2, plan.data, SMALL.dense, rng)
    expected = regions.prune(
        plan.dense[0],
        0.2,
        "gradient",
        inputs=plan.data.train.inputs,
        labels=plan.data.train.labels,
        weight_decay=0.0,
        gradient="data",  # equal without weight decay
    )
    assert masks == expected


def test_the_picture_of_an_atlas_is_accuracy_against_density(atlas):
    from matplotlib.figure import Figure

    ax = atlas.plot(Figure().add_subplot())
    drawn = {line.get_label(): line for line in ax.lines if line.get_label() != "_nolegend_"}
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {*drawn}
    for method, rows in atlas.networks.groupby("method"):
        means = 100 * rows.groupby("density")["accuracy"].mean()
        shown = np.unique(drawn.pop(method).get_ydata())  # a reference is a line across
        assert shown == pytest.approx(np.unique(means)), method
    assert not drawn
