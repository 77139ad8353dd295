"""The command line as a whole: what loads, what is said of commands that are not run."""

import importlib
import inspect
import io
import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import regions
from regions.bounds.upper import KINDS
from regions.cli import main
from regions.cli.command import COMMANDS, _command
from regions.cli.messages import FLAGS

HEAVY = ("torch", "numba", "pandas", "matplotlib", "scipy", "sklearn", "statsmodels")


def test_the_command_line_loads_nothing_heavy_before_a_command_runs():
    code = (
        "import sys, regions.cli\n"
        "try: regions.cli.main(['--help'])\n"
        f"except SystemExit: print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"
    assert all(name in out.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_say_the_same_of_themselves_whether_loaded_or_not(name):
    module = importlib.import_module(f"regions.cli.{name}")
    described, loaded = _command(name, named=False), _command(name, named=True)
    assert loaded.__wrapped__ is getattr(module, name)
    assert inspect.getdoc(loaded).startswith(described.__doc__) and len(described.__doc__) > 20
    assert "Args:" not in described.__doc__ and described is not loaded


def test_no_command_and_unknown_ones_are_usage_errors(capsys):
    for arguments in ([], ["nothing"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "count" in capsys.readouterr().err


def test_completions_of_the_shell_know_the_options_of_every_command(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--tyro-print-completion", "bash"])
    assert not caught.value.code
    text = capsys.readouterr().out
    assert all(option in text for option in ("--splits", "--samples", "--objective", "--planes"))


def said(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        status = main([*arguments])
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_version_is_that_of_the_package(capsys):
    assert said(capsys, "--version") == (0, f"regions {regions.__version__}\n", "")
    command = [sys.executable, "-m", "regions", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"regions {regions.__version__}\n"


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["cuont", "x"], ["no command 'cuont'; did you mean 'count'?"]),
        (
            ["bound", "784,20,10", "--kind", "foo"],
            ["invalid choice 'foo'", "see regions bound --help"],
        ),
        (["bound", "784,20,10", "--knd", "serra"], ["--knd", "Perhaps you meant:", "--kind"]),
        (["bound", "--density", "x", "784,20,10"], ["--density", "cannot read 'x'"]),
        (["bound", "784,20,10", "--dim", "2.5"], ["--dim", "cannot read '2.5'"]),
        (["allocate", "784,100,10", ".02x"], ["DENSITY", "'.02x' is no number"]),
        (["count"], ["Missing from regions count", "MODEL"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_wrong_usage_is_said_in_plain_words(capsys, monkeypatch, arguments, parts, encoding):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    status, _, err = said(capsys, *arguments)
    assert status == 2 and sys.stdout.buffer.getvalue() == b""
    assert err.startswith("regions: ") and err.count("\n") <= 2
    assert not set("╭│╰─") & set(err) and "----" not in err and "helptext" not in err
    assert not any(raw in err for raw in ("valid parse", "<class", "literal", "convert string"))
    assert all(part in err for part in parts)


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["count", "mlp"], ["no weights", "regions atlas mlp"]),
        (["atlas", "lenett5"], ["did you mean 'lenet5'?"]),
        (["bound", "10,10,2", "--kind", "expected"], ["--density", "--kind serra"]),
        (["allocate", "784,100,100,10", ".01", "--objective", "expcted"], ["'expected'"]),
        (
            ["allocate", "784,100,10", ".1", "--skip", "layr1"],
            ["--skip names", "did you mean 'layer1'?"],
        ),
        (["atlas", "mlp", "--data", "digit"], ["did you mean 'digits'?"]),
    ],
)
def test_errors_name_flags_and_what_is_near(capsys, arguments, parts):
    status, out, err = said(capsys, *arguments)
    assert status == 1 and out == "" and all(part in err for part in parts)
    assert not re.search(r"\b[a-z_]+=", err)


def test_every_flag_that_messages_name_is_an_option(capsys):
    every = ""
    for name in COMMANDS:
        every += said(capsys, name, "--help")[1]
    assert [flag for flag in FLAGS.values() if flag not in every] == []


def test_the_help_of_recall_lists_the_columns(capsys):
    _, out, _ = said(capsys, "recall", "--help")
    words = " ".join(re.sub("[│╭╮╰╯─]", " ", out).split())
    columns = ("model, ratio, class, n", "correct_dense", "recall_pruned", "one column per class")
    for part in (*columns, "rows of ratio 'dense'"):
        assert part in words


def test_all_bounds_in_one_table(capsys):
    status, out, _ = said(capsys, "bound", "784,20,20,10", "--kind", "all")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert status == 0 and set(rows) == set(KINDS)
    assert "not here" in rows["expected"] and "--density" in rows["expected"]
    exact = regions.upper_bound([784, 20, 20], "montufar").log2
    assert f"2^{exact:.5g}" in rows["montufar"]
    status, out, _ = said(capsys, "bound", "10,9,8,2", "--kind", "all", "--density", ".5", "--json")
    assert [one["kind"] for one in json.loads(out)["bounds"]] == list(KINDS)


def test_widths_mean_the_same_in_bound_and_allocate(capsys, tmp_path):
    """Both are widths of the perceptron that `as_network` reads: its output is no ReLU layer."""
    rng = np.random.default_rng(3)
    layers = [rng.normal(size=shape) for shape in ((7, 5), (6, 7), (3, 6))]
    model = tmp_path / "net.npz"
    np.savez(model, **{f"l{i}.weight": layer for i, layer in enumerate(layers)})
    for source in ("5,7,6,3", str(model)):
        status, out, _ = said(capsys, "bound", source, "--json")
        found = json.loads(out)
        assert status == 0 and not found["counts_output"] and found["widths"] == [5, 7, 6]
        assert found["value"] == regions.upper_bound([5, 7, 6]).value
        _, out, _ = said(capsys, "allocate", source, ".5", "--objective", "uniform", "--json")
        assert len(json.loads(out)["densities"]) == 3
    both = [said(capsys, name, "--help")[1].split() for name in ("bound", "allocate")]
    assert all("inputs, hidden layers, outputs" in " ".join(words) for words in both)
    status, _, err = said(capsys, "bound", "784,20")
    assert status == 1 and "no hidden layer" in err


@pytest.mark.parametrize("widths", ["784,100,10", "784,100,100,10", "784,50,50,50,10"])
def test_density_one_keeps_everything(capsys, widths):
    status, out, _ = said(capsys, "allocate", widths, "1", "--json")
    assert status == 0 and set(json.loads(out)["densities"].values()) == {1.0}


def test_names_lists_models_data_and_methods(capsys):
    _, out, _ = said(capsys, "names")
    assert all(word in out for word in ("lenet5", "digits", "disjoint", "svcca", "milp", "studies"))


def test_a_picture_of_regions(capsys, tmp_path):
    rng = np.random.default_rng(0)
    net = {f"{n}.weight": rng.normal(size=s) for n, s in {"a": (6, 2), "b": (1, 6)}.items()}
    np.savez(tmp_path / "net.npz", **net)
    model, picture = str(tmp_path / "net.npz"), tmp_path / "a.png"
    status, out, _ = said(capsys, "plot", model, "--box", "-1", "1", "-o", str(picture))
    assert status == 0 and picture.read_bytes()[:4] == b"\x89PNG" and str(picture) in out
    assert said(capsys, "plot", model, "--box", "-1", "1", "-o", "a.txt")[0] == 1
    status, _, err = said(capsys, "plot", model, "-o", str(picture))
    assert status == 1 and "--box LOW HIGH" in err


def test_a_reader_that_has_seen_enough_is_no_error():
    code = (
        "import sys, regions.cli\n"
        "try: sys.exit(regions.cli.main(['--help']))\n"
        "finally: sys.stdout.flush()\n"
    )
    reading = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    reading.stdout.close()  # as `| head` does
    reading.stdout = None
    assert reading.communicate()[1] == "" and reading.returncode == 0


def test_ctrl_c_while_loading_gives_130(monkeypatch, capsys):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("regions.cli.command.import_module", interrupted)
    assert said(capsys, "bound", "784,20,10")[0] == 130


@pytest.mark.filterwarnings("default")
def test_warnings_of_the_package_are_one_line_and_others_are_as_ever(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    arrays = {"0.weight": rng.standard_normal((200, 9)), "0.bias": rng.standard_normal(200)}
    arrays |= {"1.weight": np.ones((1, 200)), "1.bias": np.zeros(1)}
    np.savez(tmp_path / "net.npz", **arrays)
    main(["count", str(tmp_path / "net.npz"), "--box", "-1", "1", "--method", "sample"])
    said = capsys.readouterr().err.splitlines()
    assert any(line.startswith("regions: ") and "region of their own" in line for line in said)
    assert not any(".py:" in line for line in said)
    monkeypatch.setattr("regions.cli.names.names", lambda: warnings.warn("other", stacklevel=1))
    with pytest.warns(UserWarning, match="other"):
        main(["names"])
