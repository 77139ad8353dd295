"""The command line: the library's words and numbers, clear errors, nothing half-written."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import regions
from regions.cli import main


@pytest.fixture
def model(tmp_path):
    """A small trained-like network as an .npz file."""
    rng = np.random.default_rng(0)
    sizes = {"fc1": (12, 6), "fc2": (10, 12), "out": (3, 10)}
    arrays = {}
    for name, shape in sizes.items():
        arrays[f"{name}.weight"] = rng.standard_normal(shape)
        arrays[f"{name}.bias"] = rng.standard_normal(shape[0])
    np.savez(tmp_path / "model.npz", **arrays)
    return str(tmp_path / "model.npz")


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_bound(capsys, model):
    status, out, _ = run(capsys, "bound", "2,20,20,3", "--json")
    assert status == 0 and json.loads(out)["value"] == 44521
    status, out, _ = run(capsys, "bound", model, "--kind", "live")
    assert status == 0 and "at most" in out


def test_allocate_then_prune(capsys, model, tmp_path):
    chosen = tmp_path / "chosen.json"
    status, out, _ = run(capsys, "allocate", model, 0.3, "-o", chosen)
    densities = json.loads(chosen.read_text())["densities"]
    assert status == 0 and set(densities) >= {"layer1", "layer2"}
    masks = tmp_path / "masks.npz"
    status, _, err = run(capsys, "prune", model, "--allocation", chosen, "--repair", "-o", masks)
    assert status == 0 and str(masks) in err and "on an input-to-output path" in err
    loaded = regions.Masks.load(masks)
    assert loaded.effective().fraction == 1.0
    assert sum(loaded.counts[name] for name in ("layer1", "layer2")) == round(0.3 * 192)
    status, out, _ = run(capsys, "bound", model, "--kind", "effective", "--masks", masks, "--json")
    assert status == 0 and json.loads(out)["log2"] > 0


def test_prune_by_criteria_that_look_at_images(capsys, tmp_path, monkeypatch):
    (tmp_path / "net_for_digits.py").write_text(
        "from regions.training import build_model\n"
        "def make():\n    return build_model('mlp', (1, 8, 8), 10, hidden=(12,), seed=0)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = ["prune", "net_for_digits:make", "--density", 0.1, "--criterion", "snip"]
    status, _, err = run(capsys, *arguments, "--data", "digits", "--images", 50)
    assert status == 0 and "masks.npz" in err
    from net_for_digits import make

    batch = regions.training.load_data("digits").train.sample(50)
    expected = regions.prune(make(), 0.1, "snip", inputs=batch.inputs, labels=batch.labels)
    assert regions.Masks.load("masks.npz") == expected
    for changed, message in (
        ([], "needs the option(s) inputs, labels"),
        (["--data", "no.npz"], "no.npz"),
    ):
        status, _, err = run(capsys, *arguments, *changed, "-o", "other.npz")
        assert status == 1 and message in err
    arguments[-1] = "magnitude"
    status, _, err = run(capsys, *arguments, "--data", "digits", "-o", "other.npz")
    assert status == 1 and "looks at no data" in err
    assert not (tmp_path / "other.npz").exists()


def test_allocate_widths_as_a_table(capsys, tmp_path):
    table = tmp_path / "densities.csv"
    status = run(capsys, "allocate", "20,10,10,3", 0.2, "--objective", "erk", "-o", table)[0]
    assert status == 0 and table.read_text().startswith("layer")


def test_count(capsys, model, tmp_path):
    np.save(tmp_path / "points.npy", np.eye(6)[:3])
    arguments = ["count", model, "--points", tmp_path / "points.npy", "--within", -1, 1, "--json"]
    status, out, _ = run(capsys, *arguments)
    found = json.loads(out)
    plane = regions.Slice.through(np.eye(6)[:3], box=regions.Box.cube(6, -1, 1))
    from regions.networks.load import load_model

    expected = regions.count_regions(load_model(model), plane, method="cells").count
    assert status == 0 and found["count"] == expected and found["status"] == "EXACT"


def test_milp_says_what_is_faster(capsys, tmp_path):
    """On 2-12-12-1 it takes minutes where cells takes a third of a second."""
    arrays = {"a.weight": np.eye(2), "a.bias": np.zeros(2), "b.weight": np.ones((1, 2))}
    np.savez(tmp_path / "net.npz", **arrays, **{"b.bias": np.zeros(1)})
    asked = ["count", tmp_path / "net.npz", "--box", "-1", "1", "--method"]
    status, _, err = run(capsys, *asked, "milp")
    assert status == 0 and "cells is much faster" in err
    status, out, err = run(capsys, *asked, "cells")
    assert status == 0 and out.startswith("4 ") and "faster" not in err


def test_compare_reads_what_masks_and_fine_tuning_saved(capsys, tmp_path, monkeypatch):
    """Keys of torch's pruning, in a dictionary, with the prefixes of DataParallel and compile."""
    import torch

    (tmp_path / "twice_digits.py").write_text(
        "from torch import nn\n"
        "def net():\n    return nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.ReLU(), torch.nn.Linear(8, 10))
    torch.save(model.state_dict(), "dense.pt")
    regions.prune(model, density=0.3).apply(model)
    state = model.state_dict()
    assert any(name.endswith("weight_mask") for name in state)
    for prefix in ("", "module.", "_orig_mod."):
        torch.save({"state_dict": {prefix + k: v for k, v in state.items()}, "epoch": 3}, "p.pt")
        names = ["twice_digits:net@dense.pt", "twice_digits:net@p.pt", "--data", "digits"]
        status, out, _ = run(capsys, "compare", *names, "--measure", "cka", "--json")
        values = [layer["value"] for layer in json.loads(out)["layers"]]
        assert status == 0 and max(values) < 0.99
        told = ["twice_digits:net@p.pt"] * 2
        status, out, _ = run(
            capsys, "compare", *told, "--data", "digits", "--measure", "cka", "--json"
        )
        same = [layer["value"] for layer in json.loads(out)["layers"]]
        assert same == pytest.approx([1.0] * len(same))
    torch.save({k: v for k, v in state.items() if not k.startswith("2.bias")}, "p.pt")
    status, _, err = run(capsys, "compare", *names)
    assert status == 1 and "1 missing (2.bias)" in err and "The model has" in err


def test_compare(capsys, tmp_path, monkeypatch):
    (tmp_path / "zoo_of_digits.py").write_text(
        "from regions.training import build_model\n"
        "def first():\n    return build_model('mlp', (1, 8, 8), 10, hidden=(12, 8), seed=0)\n"
        "def second():\n    return build_model('mlp', (1, 8, 8), 10, hidden=(12, 8), seed=1)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ["zoo_of_digits:first", "zoo_of_digits:second", "--data", "digits"]
    status, out, _ = run(capsys, "compare", *names, "--measure", "cka", "-o", "similar.csv")
    assert status == 0 and out
    table = pd.read_csv(tmp_path / "similar.csv")
    assert table["value"].between(0, 1).all() and len(table) >= 3
    first = table.iloc[0]
    assert f"{first['layer']}: {first['value']:.3f}, null {first['null']:.3f}\n" in out
    assert table["null_permuted"].isna().all() and "images shuffled" not in out
    options = ["--blocks", "10", "--permutations", "2", "--tap", "linear", "-o", "similar.md"]
    status, out, _ = run(capsys, "compare", *names, "--measure", "cka", *options)
    assert status == 0 and "95% intervals (10 blocks" in out and "images shuffled" in out
    assert "| layer | value | corrected | low |" in (tmp_path / "similar.md").read_text()
    for option, value in (("--blocks", "-1"), ("--tap", "last"), ("--images", "-5")):
        status, _, refused = run(capsys, "compare", *names, option, value)
        assert status == 1 and value in refused


def test_compare_flattens_images_for_a_flat_model(capsys, tmp_path, monkeypatch):
    (tmp_path / "flat_digits.py").write_text(
        "from torch import nn\n"
        "def flat():\n    return nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = ["compare", "flat_digits:flat", "flat_digits:flat", "--data", "digits"]
    status, out, _ = run(capsys, *arguments, "--measure", "cka")
    assert status == 0 and "cka of 3 layers over 360 images" in out


def test_compare_takes_inputs_as_the_models_do(capsys, tmp_path, monkeypatch, recwarn):
    """Words stay whole numbers, other whole numbers become fractions, bytes are refused."""
    (tmp_path / "takers.py").write_text(
        "from torch import nn\n"
        "words = lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 3))\n"
        "numbers = lambda: nn.Sequential(nn.Linear(5, 8), nn.ReLU())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    whole = np.random.default_rng(0).integers(0, 9, (100, 5))
    for kind, taker, said in [
        ("int64", "words", ""),
        ("int16", "words", ""),
        ("int64", "numbers", ""),
        ("float64", "numbers", ""),
        ("uint8", "numbers", "inputs are uint8"),
        ("uint8", "words", "inputs are uint8"),
        ("bool", "numbers", "inputs are bool"),
    ]:
        path = tmp_path / f"{kind}.npy"
        np.save(path, whole.astype(kind))
        names = [f"takers:{taker}"] * 2
        status, out, refused = run(
            capsys, "compare", *names, "--data", path, "--measure", "cka", "--images", "90"
        )
        assert (status, said in refused) == (1 if said else 0, True)
        assert said or "layers over 90 images" in out
    np.save(tmp_path / "large.npy", whole * 1e60)
    status, _, refused = run(
        capsys, "compare", "takers:numbers", "takers:numbers", "--data", tmp_path / "large.npy"
    )
    assert status == 1 and "infinite activations" in refused
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]


def test_recall(capsys, tmp_path):
    dense, pruned = [[912, 962, 865], [903, 959, 858], [916, 970, 838]], [[815, 937, 689]] * 3
    table = regions.RecallTable.from_counts(dense, {50: pruned}, n=1000)
    table.to_frame().to_csv(tmp_path / "recalls.csv", index=False)
    arguments = ["recall", tmp_path / "recalls.csv", "--analyses", "published", "--json"]
    status, out, _ = run(capsys, *arguments)
    expected = regions.intensification(table, paper=True).to_frame()["estimate"].tolist()
    assert status == 0 and f"{expected[0]:.6f}"[:7] in out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["bound", "3,a"], "cannot read the model"),
        (["bound", "missing.onnx"], "no file missing.onnx"),
        (["bound", "4,4,2", "--kind", "expected", "--density", "2"], "density"),
        (["bound", "4,4,2", "--kind", "live", "--masks", "missing.npz"], "missing.npz"),
        (["allocate", "4,4,2", "0"], "0"),
        (["allocate", "4,4,2", ".5", "--skip", "nowhere"], "nowhere"),
        (["allocate", "4,4,2", ".5", "--objective", "best"], "best"),
        (["prune", "MODEL", "-o", "m.npz"], "--density or --allocation"),
        (["prune", "MODEL", "--density", "1.5", "-o", "m.npz"], "1.5"),
        (["prune", "MODEL", "--allocation", "missing.json", "-o", "m.npz"], "no allocation"),
        (["prune", "MODEL", "--density", ".5", "--criterion", "luck", "-o", "m.npz"], "luck"),
        (["count", "MODEL", "--box", "1", "1"], "flat"),
        (["count", "MODEL", "--points", "missing.npy"], "missing.npy"),
        (["recall", "missing.csv"], "missing.csv"),
        (["compare", "MODEL", "MODEL", "--data", "missing.npy"], "missing.npy"),
        (["compare", "MODEL", "MODEL", "--data", "digits"], "no torch module"),
    ],
)
def test_errors_are_one_clear_line_and_leave_no_file(
    capsys, model, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    status, out, err = run(capsys, *[model if a == "MODEL" else a for a in arguments])
    assert status == 1 and out == "" and err.startswith("regions: ") and message in err
    assert {path.name for path in tmp_path.iterdir()} == before


def test_usage_errors_exit_with_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["bound"])
    assert caught.value.code == 2
    capsys.readouterr()


def test_an_interrupted_count_says_so(tmp_path, capsys):
    """Ctrl-C during a real count: what is known is printed, and the status is the shells' 130."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, (m, n) in {"a": (150, 24), "b": (10, 150), "c": (1, 10)}.items():
        arrays |= {f"{name}.weight": rng.normal(size=(m, n)), f"{name}.bias": rng.normal(size=m)}
    np.savez(tmp_path / "net.npz", **arrays)
    command = [sys.executable, "-m", "regions.cli", "count", str(tmp_path / "net.npz")]
    out = ""
    for seconds in (6, 20, 60, 120):  # on a busy machine the count has not begun after the first
        process = subprocess.Popen(
            [*command, "--box", "-1", "1", "--method", "cells"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # where the tests run in the background, Ctrl-C is ignored, and that is inherited
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 130
        if out:
            break
    assert "LIMIT_REACHED" in out
