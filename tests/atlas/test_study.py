"""The demo's study in small: every allocation measured, resumed without work, drawn."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from regions import resume
from regions.atlas.study import Study, compare_allocations, draw, tabulate
from regions.errors import DataError
from regions.training import Recipe

SMALL = Study(
    hidden=(12, 10),
    densities=(0.3, 0.1),
    objectives=("balance", "effective-weights"),
    seeds=2,
    dense=Recipe(epochs=2),
    fine=Recipe(epochs=1),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def frame(folder):
    return compare_allocations(SMALL, folder)


def test_every_setting_has_every_seed(frame):
    keys = ["density", "objective", "masks"]
    assert (frame.groupby(keys)["seed"].nunique() == SMALL.seeds).all()
    assert len(frame) == 2 * (3 + 2) * SMALL.seeds
    assert (frame["kept"] == (frame["density"] * (64 * 12 + 120)).round()).all()


def test_repair_makes_every_kept_weight_effective(frame):
    repaired = frame[frame["masks"] != "plain"]
    assert (repaired["effective_weights"] == repaired["kept"]).all()
    assert (frame["effective_weights"] <= frame["kept"]).all()
    assert frame["accuracy"].between(0, 1).all() and (frame["log2_bound"] >= 0).all()


def test_a_finished_study_is_not_computed_again(frame, folder, monkeypatch):
    def fail(*_):
        raise AssertionError("a finished task was computed again")

    monkeypatch.setattr(resume, "_compute", fail)
    pd.testing.assert_frame_equal(compare_allocations(SMALL, folder), frame)


def test_table_and_figure_show_every_allocation(frame):
    table, figure = tabulate(frame), draw(frame)
    assert set(table["objective"]) == set(frame["objective"])
    assert table["accuracy"].str.contains("±").all()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == list(dict.fromkeys(frame["objective"]))
    plt.close(figure)


def test_unreadable_data_is_refused_before_any_work(tmp_path):
    with pytest.raises(DataError):
        compare_allocations(Study(data=str(tmp_path / "missing.npz")), tmp_path / "out")
    assert not (tmp_path / "out").exists()
