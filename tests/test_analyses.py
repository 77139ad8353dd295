"""Every study runs from its command line in its small form and leaves figure, numbers and record.

(`figure2_bounds`, `is_pruning_compression` and the studies of theory have tests of their own.)
"""

import importlib

import matplotlib
import pytest

STUDIES = ("count_regions_mnist", "pruned_plane", "recall_distortion")


@pytest.mark.parametrize("name", STUDIES)
def test_smoke(name, tmp_path, monkeypatch, capsys):
    matplotlib.use("agg")
    monkeypatch.setattr("sys.argv", [name, "--smoke", "--out", str(tmp_path)])
    importlib.import_module(f"analyses.{name}").main()
    written = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert {".png", ".pdf", ".svg", ".csv", ".json"} <= written
    assert capsys.readouterr().out
