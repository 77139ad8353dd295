import matplotlib
import numpy as np
import pandas as pd

from analyses import backdoor


def test_smoke(tmp_path, monkeypatch, capsys):
    matplotlib.use("agg")
    monkeypatch.setattr(
        "sys.argv", ["backdoor", "--smoke", "--no-progress", "--out", str(tmp_path)]
    )
    backdoor.main()
    assert "suspected class" in capsys.readouterr().out
    written = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert {".png", ".pdf", ".svg", ".csv", ".json"} <= written
    frame = pd.read_csv(tmp_path / "backdoor.csv")
    stops = frame[frame["stage"] != "curve"]
    assert set(stops["method"]) == set(backdoor.METHODS)
    assert (stops.groupby(["method", "stage"])["seed"].nunique() == 2).all()
    assert (stops.loc[stops["method"] == backdoor.NONE, "removed"] == 0).all()
    base = stops[(stops["method"] == backdoor.NONE) & (stops["stage"] == "removed")]
    # the attack works, and it is an attack: clean images stay well classified
    assert (base["success"] > 0.8).all() and (base["accuracy"] > 0.7).all()
    tuned = stops[stops["stage"] == "tuned"]["removed"].to_numpy()
    np.testing.assert_array_equal(tuned, stops[stops["stage"] == "removed"]["removed"])
