"""What the study of pruned residual networks measures, on tiny networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analyses.pruned_resnet import PrunedResnet, images_of, line_ends, trained
from analyses.published import MEAN, SD
from regions.errors import ArgumentError, DataError
from regions.training import build_model, load_data

SMALL = replace(PrunedResnet(smoke=True).settled(), methods=("random",), epochs=1, tune_epochs=0)


@pytest.fixture(scope="module")
def rows():
    given = SMALL.given(SMALL.prepare(SMALL.out), network="convnet")
    frames = [SMALL.measure("convnet", *arm, **given) for arm in SMALL.arms]
    return {arm: frame for arm, frame in zip(SMALL.arms, frames, strict=True)}


def test_dense_networks_are_like_themselves(rows):
    dense = rows["dense", 1.0].set_index("quantity")["value"]
    assert dense["kernel distance"].to_numpy() == pytest.approx(0.0, abs=1e-9)
    for measure in ("svcca", "cka"):
        assert dense[f"{measure} with dense"].to_numpy() == pytest.approx(1.0, abs=1e-6)
        assert (dense[f"{measure} with another network"] < 0.999).all()


def test_no_training_after_pruning_changes_nothing(rows):
    for frame in rows.values():
        before, after = (frame[frame["phase"] == phase] for phase in ("pruned", "tuned"))
        assert before["value"].to_numpy() == pytest.approx(after["value"].to_numpy(), abs=1e-9)


def test_pruned_networks_differ_from_dense_ones(rows):
    pruned = rows["random", 0.2].set_index("quantity")["value"]
    assert (pruned["kernel distance"] > 0.001).all() and (pruned["cka with dense"] < 0.9999).all()
    assert (pruned["distance at test images"] > 0).all()


def test_all_tables_and_one_figure_for_each_question(rows):
    import pandas as pd
    from matplotlib import pyplot as plt

    tables = SMALL.tables(pd.concat(rows.values(), ignore_index=True))
    figures = SMALL.figures(tables)
    assert set(tables) == {*figures, "summary"}
    assert len(tables["summary"]) == 2 * len(SMALL.arms)
    right = rows["dense", 1.0].query("quantity == 'right' and phase == 'tuned'")["value"]
    dense = tables["summary"].query("method == 'dense' and phase == 'tuned'")
    assert dense["accuracy"].item() == pytest.approx(right.sum() / 360)
    plt.close("all")


def test_published_weights_get_the_inputs_that_they_expect(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(40) % 10
    data = tmp_path / "data.npz"
    np.savez(data, X_train=images, y_train=labels, X_test=images[:10], y_test=labels[:10])
    state = {n: v.numpy() for n, v in build_model("resnet20", (3, 8, 8), 10).state_dict().items()}
    np.savez(tmp_path / "weights.npz", **{f"resnet20/{name}": v for name, v in state.items()})
    study = PrunedResnet(data=str(data), weights=tmp_path / "weights.npz")
    expected = ((images[:10] / 255.0 - np.array(MEAN)) / np.array(SD)).transpose(0, 3, 1, 2)
    assert images_of(study).test.inputs == pytest.approx(expected, abs=1e-5)
    found, other = trained(study, "resnet20")
    assert set(found) == set(state) and other["name"] == "resnet20"
    with pytest.raises(DataError, match="not of resnet56"):
        trained(study, "resnet56")


def test_lines_join_images_of_one_class_and_of_two():
    split = load_data("digits").test
    ends = line_ends(split, 4)
    labels = {tuple(x.ravel()): y for x, y in zip(split.inputs, split.labels, strict=True)}
    for kind, same in (("within a class", True), ("between classes", False)):
        for one, two in ends[kind]:
            pair = [labels[tuple(end.astype(np.float32))] for end in (one, two)]
            assert (pair[0] == pair[1]) == same and (one != two).any()


def test_unknown_methods_are_refused():
    with pytest.raises(ArgumentError, match="erk"):
        PrunedResnet(methods=("uniform",)).settled()
    with pytest.raises(ArgumentError, match="resnet20"):
        PrunedResnet(networks=("resnet21",)).settled()
