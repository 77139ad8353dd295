import json

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from regions.errors import ArgumentError, DataError
from regions.figures import Run, figure_style, plot_means, save_figure, save_table
from regions.figures.provenance import file_hash, git_state, versions

KINDS = ("pdf", "svg", "png", "csv")


def draw(frame):
    with figure_style("icml", "column"):
        fig, ax = plt.subplots()
        plot_means(frame, "density", "accuracy", "method", ax=ax)
        ax.set_xscale("log")
    return fig


def save(folder, frame, **config):
    fig = draw(frame)
    try:
        return save_figure(fig, folder / "figure", frame, Run(config=config, seed=3))
    finally:
        plt.close(fig)


def test_the_same_figure_gives_the_same_bytes(tmp_path, frame):
    first = save(tmp_path / "a", frame)
    second = save(tmp_path / "b", frame)
    for kind in KINDS:
        assert file_hash(first[kind]) == file_hash(second[kind]), kind
    changed = save(tmp_path / "c", frame.assign(accuracy=frame["accuracy"] + 1.0))
    for kind in KINDS:
        assert file_hash(first[kind]) != file_hash(changed[kind]), kind


def test_run_json_says_what_was_run(tmp_path, frame):
    data = tmp_path / "input.csv"
    data.write_text("a\n1\n")
    paths = save_table(frame, tmp_path / "t.csv", Run(config={"k": 2}, seed=7, inputs=[data]))
    record = json.loads(paths["run"].read_text())
    assert record["config"] == {"k": 2} and record["seed"] == 7
    assert record["inputs"] == {"input.csv": file_hash(data)}
    assert record["outputs"] == {"t.csv": file_hash(paths["csv"])}
    assert {"python", "relu-regions", "torch", "numpy"} <= set(record["versions"])
    assert record["wall_seconds"] >= 0
    pd.testing.assert_frame_equal(pd.read_csv(paths["csv"]), frame)


def test_figures_of_one_run_share_its_record(tmp_path, frame):
    save_table(frame, tmp_path / "one.csv", {"k": 1})
    paths = save_table(frame, tmp_path / "two.csv", {"k": 1})
    assert set(json.loads(paths["run"].read_text())["outputs"]) == {"one.csv", "two.csv"}
    paths = save_table(frame, tmp_path / "two.csv", {"k": 2})
    assert set(json.loads(paths["run"].read_text())["outputs"]) == {"two.csv"}


def test_pdf_embeds_editable_fonts_without_a_date(tmp_path, frame):
    content = save(tmp_path, frame)["pdf"].read_bytes()
    assert b"/CreationDate" not in content and b"/Type3" not in content


def test_bad_calls_leave_no_file(tmp_path, frame):
    fig, _ = plt.subplots()
    with pytest.raises(ArgumentError, match="without its extension"):
        save_figure(fig, tmp_path, frame, {})
    with pytest.raises(ArgumentError, match="expected a pandas data frame"):
        save_figure(fig, tmp_path / "x", [1, 2], {})  # type: ignore[arg-type]
    plt.close(fig)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="cannot read the input"):
        Run(config={}, inputs=[tmp_path / "absent"]).record()


def test_versions_and_commit_are_those_of_this_package():
    assert "pytest" in versions()
    state = git_state()
    assert state is None or len(state["commit"]) == 40
