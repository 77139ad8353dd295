"""`regions atlas` and `regions demo` in small: the library's numbers, and what they write."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from small_atlas import SHORT, SMALL

from regions.atlas.demo import run_demo
from regions.atlas.study import Study
from regions.cli import main


def test_atlas(tmp_path, capsys):
    arguments = "--densities .3 --methods random --seeds 1 --epochs 1 --planes 1 --lines 2"
    folder = tmp_path / "out"
    status = main(["atlas", "mlp", *arguments.split(), "--json", "-o", str(folder)])
    out, err = capsys.readouterr()
    found, table = json.loads(out), pd.read_csv(folder / "atlas.csv")
    assert status == 0 and str(folder / "atlas.html") in err
    assert found["rows"][2]["regions_plane"] == table["regions_plane"][2] > 1
    assert table["method"].tolist() == ["dense", "dense, trained on", "random"]
    assert {path.suffix for path in (folder / "figures").iterdir()} >= {".pdf", ".svg", ".png"}


def test_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("regions.figures.save._FORMATS", {"svg": {"Date": None}})  # of the page
    settings = replace(SMALL, methods=("magnitude",), seeds=1, planes=1, lines=1)
    study = Study(
        hidden=(12, 10), densities=(0.3,), objectives=("uniform",), seeds=2, dense=SHORT, fine=SHORT
    )
    paths = run_demo(tmp_path, settings, study)
    out = capsys.readouterr().out
    assert "Tangent kernel" in out and "uniform" in out and "±" in out
    page = paths["page"].read_text()
    assert 'id="allocations"' in page and "Which density should each layer get?" in page
    assert len(pd.read_csv(tmp_path / "figures" / "allocations.csv")) == 4


@pytest.mark.study
def test_the_demo_has_a_value_in_every_column(tmp_path, capsys):
    """Recall is not known of a dense network against itself; every other cell has its number."""
    status = main(["demo", "-o", str(tmp_path / "demo")])
    table = pd.read_csv(tmp_path / "demo" / "atlas.csv")
    assert status == 0 and table["accuracy"].notna().all()
    pruned = table[~table["method"].str.startswith("dense")]
    assert not pruned.empty and pruned[["alpha", "alpha_across"]].notna().to_numpy().all()
    shown = [name for name in table if not name.endswith(("_low", "_high"))]
    assert table[[name for name in shown if "alpha" not in name]].notna().to_numpy().all()
