"""The report: bounds as a range, each analysis beside its own null, marks with their key."""

import io

import matplotlib
import numpy as np
import pandas as pd
import pytest

import regions
from regions.cli import main
from regions.documents import as_html, as_latex, as_markdown
from regions.errors import DataError
from regions.recall import NULLS, report

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    dense = rng.binomial(1000, [0.9, 0.95, 0.7, 0.8], (8, 4))
    pruned = {r: rng.binomial(dense, 1 - np.array([1, 1, 3, 2]) / 100 * r) for r in (2, 4)}
    counts = regions.RecallTable.from_counts(dense, pruned, 1000)
    return counts, regions.RecallTable.from_counts(dense, pruned, 1000, pruned)


@pytest.fixture
def ax():
    yield plt.figure().add_subplot()
    plt.close("all")


def _legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_bounds_are_a_range_in_every_table(tables):
    found = report(tables[0].to_frame())
    ends = np.sort(found.results[1].bounds, 0)[[0, -1]].T
    said = [f"[{low:.4g}, {high:.4g}] bounds" for low, high in ends]
    brief = found.to_frame(brief=True)
    assert brief["alpha"].tolist()[2:] == said and isinstance(brief["alpha"][0], float)
    for text in (as_html(found), as_markdown(found), as_latex(found)):
        assert all(words in text for words in said)
    # with joint counts it is a number
    known = report(tables[1].to_frame()).to_frame(brief=True)
    assert known["alpha"].dtype == float and known["alpha"].notna().all()


def test_bounds_are_bars_without_a_marker(tables, ax):
    found = regions.intensification(tables[0])
    found.plot(ax)
    (bars,) = [part for part in ax.collections if "bounds" in str(part.get_label())]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert ends == pytest.approx(np.sort(found.bounds, 0)[[0, -1]].T)
    # nothing is drawn in the middle of them but the null's line
    assert [line.get_marker() for line in ax.lines if line.get_ls() != "None"] == [""]
    assert any("95 % interval" in text for text in _legend(ax))


def test_each_analysis_is_drawn_beside_its_own_null(tables, ax):
    found = report(tables[1].to_frame(), null="logit_shift")
    found.plot(ax)
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert (lines["null: 1 (of published)"] == 1).all()
    expected = found.results[1].null_value
    assert lines["null: equal loss of log-odds (of corrected)"] == pytest.approx(expected)
    assert (expected > 1.005).all()
    assert {"published, 99 % interval", "corrected, 95 % interval"} <= set(_legend(ax))


def test_both_analyses_beside_one_null(tables, ax):
    report(tables[1].to_frame()).plot(ax)
    assert [text for text in _legend(ax) if "null" in text] == ["null: 1"]


def test_every_row_names_its_analysis(tables, tmp_path, capsys):
    path, out = tmp_path / "recalls.csv", tmp_path / "report.csv"
    tables[0].to_frame().to_csv(path, index=False)
    assert main(["recall", str(path), "-o", str(out)]) == 0
    text = capsys.readouterr().out
    rows = pd.read_csv(out)
    assert rows["analysis"].tolist() == ["published"] * 2 + ["corrected"] * 2
    headings = [line for line in text.splitlines() if line.startswith("Recall intensification")]
    assert len(set(headings)) == len(headings) == 2
    # each analysis names the level of its verdicts and that of its intervals
    key = "of the adjusted p: > above, < below, ? not separable from the null"
    assert text.count(f"Verdicts at level 0.05 {key}") == 2
    assert text.count("intervals of level 0.99, each for its ratio alone") == 1
    assert text.count("intervals of level 0.95, each for its ratio alone") == 1
    assert rows["level"].tolist() == [0.99] * 2 + [0.95] * 2
    assert "published: the test of Good et al. 2022" in text and "corrected: the same" in text
    assert "Bonferroni correction over 5 ratios (those of the published study" in text
    assert "chance of any false verdict" in text and "give correct_both" in text


def test_the_command_line_names_what_it_knows(tables, tmp_path, capsys):
    path = tmp_path / "recalls.csv"
    frame = tables[1].to_frame()
    frame.loc[frame["class"] == 0, "n"] = 3000
    frame.to_csv(path, index=False)
    command = ["recall", str(path), "--analyses", "corrected"]
    assert main([*command, "--weights", "equal"]) == 0
    text = capsys.readouterr().out
    assert "prefer --weights size or --center balanced_accuracy" in text
    assert main([*command, "--center", "balanced_accuracy"]) == 0
    assert "prefer --weights" not in capsys.readouterr().out
    assert main(["recall", str(path), "--seed", "-1"]) == 1
    assert "--seed is -1; expected a whole number of at least 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["recall", "--help"])
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(f"{name}: {null.words}" in words for name, null in NULLS.items())
    assert "correct_both, the images that both networks get right" in words


def test_reports_of_a_sheet_without_joint_counts_read_back(tables):
    text = report(tables[0].to_frame()).to_frame().to_csv(index=False)
    assert pd.read_csv(io.StringIO(text))["bound_low"].notna().sum() == 2


def test_verdicts_have_the_level_that_the_report_names(tables):
    for level in (0.5, 0.95, 0.999999):
        found = report(tables[1].to_frame(), confidence_level=level)
        frame = found.to_frame()
        error = frame["analysis"].map({"published": 0.05, "corrected": 1 - level})
        below = frame["pvalue_adjusted"] < error
        assert ((frame["verdict"] != "?") == below).all()
        assert f"Verdicts at level {1 - level:.4g} of the adjusted p" in found.summary()


def test_predictions_make_a_report_that_knows_what_models_share():
    rng = np.random.default_rng(0)
    y_true = np.repeat([0, 1, 2], 100)
    chance = np.array([0.9, 0.8, 0.6])[y_true]
    dense, pruned = (
        np.where(rng.random((6, 300)) < chance - lost, y_true, (y_true + 1) % 3)
        for lost in (0, 0.1)
    )
    table = regions.RecallTable.from_predictions(y_true, dense, {10: pruned})
    found = report(table)
    direct = regions.intensification(table).to_frame()
    pd.testing.assert_frame_equal(found.results[1].to_frame(), direct)
    assert found.unused == () and "give predictions" not in found.summary()
    # the control: the counts of the same table do not know it, and the note says who takes them
    counted = report(table.to_frame())
    assert counted.results[1].options.population == "independent"
    assert "RecallTable.from_predictions, which regions.recall.report takes" in counted.summary()


def test_the_table_and_the_picture_come_before_what_they_rest_on(tables):
    found = report(tables[1].to_frame())
    page, text = as_html(found), as_markdown(found)
    places = [page.index(part) for part in ("published: Classes", "<table", "<svg", "alpha is the")]
    assert places == sorted(places)
    places = [text.index(part) for part in ("published: Classes", "| analysis", "alpha is the")]
    assert places == sorted(places)
    for line in filter(None, map(str.strip, found.summary().splitlines())):
        assert line in text  # nothing is lost


def test_the_correction_counts_the_ratios_that_it_says(tables):
    frame = tables[1].to_frame()
    control = frame.loc[frame["ratio"] == 2].assign(ratio=1)
    both = pd.concat([frame, control])
    found = report(both, null="control", correction="bonferroni").results[1]
    tested = np.isfinite(found.pvalue)
    assert tested.tolist() == [False, False, True]  # the arm itself, its copy, and ratio 4
    assert "Bonferroni correction over 1 ratio:" in found.summary()
    assert found.pvalue_adjusted[2] == found.pvalue[2]
    alone = report(control, null="control", analyses=["corrected"])
    assert "no ratio is tested" in alone.summary()


def test_the_published_family_is_of_five_where_one_of_five_cannot_be_tested(tables):
    dense = 2 * (tables[1].dense // 2)
    pruned = {ratio: tables[1].pruned[0] - 10 * ratio for ratio in (2, 4, 8, 16)}
    # half of each recall: alpha is 1 in every model, which leaves nothing to test
    table = regions.RecallTable.from_counts(dense, pruned | {32: dense // 2}, 1000)
    found = regions.intensification(table, paper=True)
    assert np.isfinite(found.pvalue).tolist() == [True] * 4 + [False]
    assert found.pvalue_adjusted[:4] == pytest.approx(np.minimum(1, 5 * found.pvalue[:4]))
    assert "Bonferroni correction over 5 ratios" in found.summary()


def test_an_analysis_that_is_listed_twice_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="each once"):
        report(tmp_path / "r.csv", analyses=("published", "published"))
    with pytest.raises(DataError, match="it is a folder"):
        report(tmp_path)
