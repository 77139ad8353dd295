"""Figure 2 redrawn in small, and the tables of published numbers."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from analyses.figure2_bounds import Figure2Bounds
from analyses.study import compute

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("figure2")
    few = {"dims": (1, 4), "densities": (1.0, 0.1, 0.025)}
    return Figure2Bounds(**few, smoke=True, progress=False, out=out).settled()


@pytest.fixture(scope="module")
def tables(study):
    return study.tables(compute(study))


def test_the_published_variant_reproduces_the_published_values(tables):
    table = tables["summary"].set_index(["dim", "density"])
    dense = table.xs(1.0, level="density")
    for variant in ("n1 x d", "n1 x 784"):
        assert (dense[variant] - dense["published"]).abs().max() < 0.01
    some = table.loc[(1, 0.1)]
    assert some["n1 x d"] == pytest.approx(some["published"], abs=0.15)


def test_the_whole_first_layer_makes_the_curve_almost_flat(tables):
    table = tables["summary"].set_index(["dim", "density"])
    assert table.loc[(4, 0.025), "n1 x 784"] > 33.0
    assert table.loc[(4, 0.025), "n1 x d"] < 30.0


def test_the_figure_has_both_panels(study, tables):
    (figure,) = study.figures(tables).values()
    assert len(figure.axes) == 2
    assert "published" in "".join(figure.legends[0].texts[-1].get_text())
    plt.close(figure)


def test_published_tables_are_complete():
    accuracy = pd.read_csv(DATA / "cai2023_accuracy.csv")
    assert len(accuracy) == 104
    assert (accuracy["gain_points"] > 0).sum() == 99
    assert (accuracy["gain_points"] == 0).sum() == 5
    counts = pd.read_csv(DATA / "cai2023_counts_and_bounds.csv")
    assert counts["quantity"].value_counts().to_dict() == {
        "log2_regions": 24,
        "log2_bound": 24,
        "test_accuracy_percent": 8,
    }
    assert accuracy["source"].notna().all()
    assert counts["source"].notna().all()
