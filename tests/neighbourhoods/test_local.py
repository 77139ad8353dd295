"""The table of neighbourhoods: its columns, intervals, seeds, errors, and the command."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from drawn_networks import dense, residual

import regions
from regions.cli import main
from regions.cli.given import network
from regions.errors import ArgumentError


@pytest.fixture
def net(rng):
    return dense(rng, [3, 10, 10, 3])


def test_a_table_with_one_row_per_point(net, rng):
    points = rng.normal(size=(6, 3))
    found = regions.local(net, points, radius=1.0, directions=6, planes=True)
    frame = found.to_frame()
    assert len(frame) == 6 and (frame["distance"] > 0).all()
    assert (frame["distance_max"] <= frame["distance"] * (1 + 1e-12)).all()
    assert (frame["ball"] >= frame["distance"] * (1 - 1e-9)).all()
    layers = [f"met_{layer.name}" for layer in net.relu_layers]
    assert frame[layers].sum(axis=1).to_numpy() == pytest.approx(frame["met"].to_numpy())
    assert (frame["complexity"] <= frame["complexity_axes"]).all()
    assert (frame["output"] == net(points).argmax(axis=1)).all()
    assert set(frame["plane_status"]) == {"EXACT"} and (frame["plane_regions"] >= 1).all()
    # no boundary is met nearer than the nearest
    near = regions.local(net, points, radius=float(frame["distance"].min()) * 0.99, directions=6)
    assert near.to_frame()["met"].sum() == 0 and near.to_frame()["complexity"].sum() == 0


def test_without_a_radius_there_are_distances_alone(net, rng):
    found = regions.local(net, rng.normal(size=(4, 3)))
    assert "met" not in found.to_frame() and found.radius is None
    assert "4 points" in found.summary()


def test_seeds_and_global_state(net, rng):
    points, state = rng.normal(size=(3, 3)), torch.get_rng_state()
    frames = [regions.local(net, points, 1.0, 4, seed).to_frame() for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert not frames[0].equals(frames[2])
    assert frames[0]["distance"].equals(frames[2]["distance"])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_largest_ball_of_a_triangle():
    # x > 0, y > 0, x + y < 1: the incircle has radius (2 - sqrt 2) / 2
    layers = [([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0.0, 0.0, 1.0]), (np.ones((1, 3)), [0.0])]
    frame = regions.local(layers, [[0.1, 0.1], [5.0, 5.0]]).to_frame()
    assert frame["ball"].tolist() == pytest.approx([1 - np.sqrt(0.5), np.inf])
    assert frame["distance"].tolist() == pytest.approx([0.1, 5.0])


def test_intervals_are_t_intervals_over_points(net, rng):
    found = regions.local(net, rng.normal(size=(8, 3)), 1.0, 4)
    table = found.intervals().set_index("measure")
    values = found.to_frame()["met"]
    half = 2.364624 * values.std(ddof=1) / np.sqrt(8)
    assert table.loc["met", ["mean", "low", "high"]].tolist() == pytest.approx(
        [values.mean(), values.mean() - half, values.mean() + half], rel=1e-5
    )
    assert "unit" not in table.index


def test_images_and_pictures(rng):
    _, net = residual()
    found = regions.local(net, rng.normal(size=(5, 2, 6, 6)))
    import matplotlib.pyplot as plt

    ax = found.plot(plt.figure().add_subplot())
    assert "distance" in ax.get_xlabel()
    plt.close("all")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": [[1.0, 2.0]]}, "expected \\(points"),
        ({"points": np.zeros((0, 3))}, "at least one"),
        ({"points": [[np.nan, 0.0, 0.0]]}, "NaN"),
        ({"points": [["a", "b", "c"]]}, "no array of numbers"),
        ({"radius": 0}, "above 0"),
        ({"radius": float("nan")}, "above 0"),
        ({"directions": 3}, "even number"),
        ({"directions": 1.5}, "even number"),
        ({"planes": True}, "give a radius"),
    ],
)
def test_bad_input_says_what_is_wrong(net, change, words):
    with pytest.raises(ArgumentError, match=words):
        regions.local(net, **{"points": np.zeros((1, 3)), **change})


def test_the_command_gives_the_same_table(tmp_path, capsys, rng):
    layers = {"fc1.weight": rng.normal(size=(6, 3)), "fc1.bias": rng.normal(size=6)}
    layers |= {"fc2.weight": rng.normal(size=(2, 6)), "fc2.bias": rng.normal(size=2)}
    np.savez(tmp_path / "net.npz", **layers)
    points = rng.normal(size=(4, 3))
    np.save(tmp_path / "points.npy", points)
    options = ["--points", str(tmp_path / "points.npy"), "--radius", "1", "--directions", "4"]
    table = tmp_path / "found.csv"
    assert main(["local", str(tmp_path / "net.npz"), *options, "--json", "-o", str(table)]) == 0
    told = json.loads(capsys.readouterr().out)
    net = network(str(tmp_path / "net.npz"), None)
    right = regions.local(net, points, 1.0, 4).to_frame()
    assert told["points"]["met"] == pytest.approx(right["met"].tolist())
    assert pd.read_csv(table)["distance"].to_numpy() == pytest.approx(right["distance"].to_numpy())
