import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regions.errors import ArgumentError
from regions.figures import (
    VENUES,
    figure_style,
    figure_width,
    mean_intervals,
    plot_means,
    share_legend,
)


def test_style_ends_with_its_block():
    before = dict(mpl.rcParams)
    with figure_style("aaai", "column", aspect=0.5, rows=2, columns=2) as inches:
        fig, _ = plt.subplots()
        assert tuple(fig.get_size_inches()) == pytest.approx((inches, inches / 2))
        plt.close(fig)
    assert dict(mpl.rcParams) == before


def test_columns_are_no_wider_than_the_text():
    for venue in VENUES:
        assert 3 < figure_width(venue, "column") <= figure_width(venue, "text") < 7


def test_unknown_venue_lists_the_known_ones():
    with pytest.raises(ArgumentError, match="neurips"):
        figure_width("nature")
    with pytest.raises(ArgumentError, match="'column' or 'text'"):
        figure_width("icml", "half")  # type: ignore[arg-type]


def test_intervals_agree_with_the_t_test(frame):
    table = mean_intervals(frame, "accuracy", ["density", "method"])
    assert len(table) == 12 and set(table["n"]) == {5}
    for row in table.itertuples():
        values = frame.query("density == @row.density and method == @row.method")["accuracy"]
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (row.low, row.high) == pytest.approx((low, high))


def test_one_value_has_no_interval():
    frame = pd.DataFrame({"g": [1], "v": [2.0]})
    row = mean_intervals(frame, "v", "g").iloc[0]
    assert row["mean"] == 2.0 and np.isnan(row["low"]) and np.isnan(row["high"])


def test_intervals_cover():
    rng = np.random.default_rng(1)

    frame = pd.DataFrame({"run": np.repeat(np.arange(2000), 6), "v": rng.normal(size=12000)})
    table = mean_intervals(frame, "v", "run")
    assert 0.93 < ((table["low"] < 0) & (0 < table["high"])).mean() < 0.97


@pytest.mark.parametrize("interval", ["band", "bars"])
def test_intervals_end_where_values_do_and_dodged_lines_keep_their_means(interval):
    """A percentage has none above 100; the mean stays the mean, at its x times a known factor."""
    rows = [(x, name, y) for x in (1, 10) for name in "ab" for y in (100.0, 100.0, 70.0)]
    frame = pd.DataFrame(rows, columns=["x", "name", "y"])
    free = mean_intervals(frame, "y", ["x", "name"])
    assert (free["high"] > 100).all()  # the control
    fig, ax = plt.subplots()
    look = {"interval": interval, "within": (0, 100), "dodge": 1.21}
    plot_means(frame, "x", "y", "name", ax=ax, **look)
    drawn = np.concatenate([part.vertices for c in ax.collections for part in c.get_paths()])
    assert drawn[:, 1].max() == 100 and drawn[:, 1].min() == pytest.approx(free["low"].min())
    for line, factor in zip(ax.lines[:1], (1 / 1.1,), strict=True):
        np.testing.assert_allclose(line.get_xdata(), np.array([1, 10]) * factor)
        np.testing.assert_allclose(line.get_ydata(), 90)
    plt.close(fig)


@pytest.mark.parametrize("interval", ["band", "bars"])
def test_lines_show_the_means_and_differ_in_more_than_colour(frame, interval):
    fig, ax = plt.subplots()
    plot_means(frame, "density", "accuracy", "method", interval=interval, ax=ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["uniform", "expected", "effective"]
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 4][:3]
    means = frame.query("method == 'uniform'").groupby("density")["accuracy"].mean()
    np.testing.assert_allclose(lines[0].get_ydata(), means)
    assert len(ax.collections) == 3
    assert "95% interval" in ax.get_ylabel()
    plt.close(fig)


def test_wrong_columns_are_named(frame):
    with pytest.raises(ArgumentError, match="recall"):
        mean_intervals(frame, "recall", "method")
    with pytest.raises(ArgumentError, match="level"):
        mean_intervals(frame, "accuracy", "method", level=95)
    with pytest.raises(ArgumentError, match="'band' or 'bars'"):
        plot_means(frame, "density", "accuracy", interval="box")


def test_panels_share_one_legend(frame):
    with figure_style(columns=2):
        fig, axes = plt.subplots(1, 2)
        for ax in axes:
            plot_means(frame, "density", "accuracy", "method", legend=False, ax=ax)
        share_legend(fig)
    assert axes[0].get_legend() is None
    assert [text.get_text() for text in fig.legends[0].get_texts()] == list(
        frame["method"].unique()
    )
    plt.close(fig)
