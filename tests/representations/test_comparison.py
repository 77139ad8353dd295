"""Results in every form."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from small_networks import noise
from torch import nn

import regions
from regions.representations import SampleSizeWarning, SimilarityStatus, similarity_grid


def test_the_result_in_every_form(networks):
    found = regions.compare_layers(
        *networks, noise(500, 6), blocks=5, permutations=2, measure="cka"
    )
    frame = found.to_frame()
    assert {
        "layer",
        "value",
        "value_all",
        "null",
        "low",
        "high",
        "null_permuted",
        "dead_x",
        "rank_x",
        "status",
    } <= set(frame)
    assert (frame["low"] <= frame["corrected"]).all()
    assert json.loads(json.dumps(found.to_dict()))["measure"] == "cka"
    assert "cka of 5 layers over 500 images" in found.summary()
    fig, axes = plt.subplots(1, 3)
    found.plot(ax=axes[0])
    found.plot(ax=axes[1], kind="map")
    found["0"].plot(ax=axes[2])
    assert axes[0].get_ylabel() == "cka"
    plt.close(fig)
    single = regions.cca(noise(100, 3), noise(100, 3))
    assert json.loads(json.dumps(single.to_dict()))["status"] == "ok"
    assert len(single.to_frame()) == 1
    assert float(single) == single.value
    with pytest.raises(KeyError, match="'fc' was not compared"):
        found["fc"]


def test_every_value_stands_beside_its_nulls(networks):
    options = {"measure": "cka", "tap": "linear"}
    plain = regions.compare_layers(*networks, noise(300, 6), **options)
    asked = regions.compare_layers(*networks, noise(300, 6), **options, blocks=10, permutations=2)
    for one, more in zip(plain, asked, strict=True):
        short = f"{one.layer}: {one.similarity.value:.3f}"
        null = f"null {one.similarity.null:.3f}"
        assert f"{short}, {null}" in plain.summary().splitlines()
        ends = f"[{more.interval.low:.3f}, {more.interval.high:.3f}]"
        shuffled = f"images shuffled {more.null_permuted:.3f}"
        assert f"{short} {ends}, {null}, {shuffled}" in asked.summary().splitlines()
    assert "\nnull: " in plain.summary() and "\nimages shuffled: " not in plain.summary()
    assert "\nimages shuffled: " in asked.summary()


def test_a_brief_table_has_no_empty_columns(networks):
    plain = regions.compare_layers(*networks, noise(300, 6), measure="cka")
    assert list(plain.to_frame(brief=True)) == ["layer", "value", "null", "status"]
    asked = regions.compare_layers(*networks, noise(300, 6), measure="cka", blocks=10)
    assert list(asked.to_frame(brief=True))[2:6] == ["corrected", "low", "high", "level"]
    assert plain.to_frame()["low"].isna().all()  # the whole table has the same columns always


def test_the_largest_distance_is_the_least_similar(networks):
    for kind in ("similarity", "squared_distance"):
        found = regions.compare_layers(
            *networks, noise(300, 6), measure="procrustes", kind=kind, tap="linear"
        )
        similar = regions.compare_layers(
            *networks, noise(300, 6), measure="procrustes", tap="linear"
        ).to_frame()
        least = similar["layer"][similar["value"].argmin()]
        assert f"least similar: {least} (" in found.summary()


@pytest.mark.parametrize("accumulator", ["moments", "tsqr", "store"])
def test_no_interval_where_a_block_holds_all_that_varies(accumulator):
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    images = noise(1, 2).repeat(40, 1)
    images[7] += 1
    found = regions.compare_layers(
        model, model, images, measure="cka", blocks=10, layers=["0"], accumulator=accumulator
    )
    assert found.layers[0].interval is None and found.layers[0].no_interval
    assert "no interval for 0: without one of the blocks" in found.summary()


def test_layers_without_a_common_name_have_a_matrix_and_an_empty_table():
    rows = np.random.default_rng(0).standard_normal((60, 3))
    found = similarity_grid({"a": rows}, {"b": rows, "c": rows**2}, "cka")
    assert found.matrix.shape == (1, 2)
    named = similarity_grid({"a": rows}, {"a": rows}, "cka")
    assert list(found.to_frame()) == list(named.to_frame())
    assert len(found.to_frame()) == len(found.to_frame(brief=True)) == 0
    assert "no layer has one name on both sides: see `matrix`" in found.summary()
    plt.close(found.plot().figure)


def test_what_is_undefined_is_said_in_words(networks):
    """No NaN without a sentence that says why."""
    with pytest.warns(
        SampleSizeWarning, match=r"0 \(n = 8, 8 neurons, svcca is undefined\)"
    ) as seen:
        found = regions.compare_layers(*networks, noise(8, 6))
    assert not any("nan" in str(one.message) for one in seen)
    assert SimilarityStatus.UNDEFINED.meaning in found.summary()


def test_the_summary_says_what_a_status_means(networks):
    with pytest.warns(SampleSizeWarning):
        found = regions.compare_layers(*networks, noise(20, 6), measure="svcca", tap="linear")
    odd = {layer.similarity.status for layer in found} - {SimilarityStatus.OK}
    assert odd
    for status in odd:
        assert found.summary().count(status.meaning) == 1
    # the control: nothing is said of layers that are fine
    fine = regions.compare_layers(*networks, noise(300, 6), measure="cka", tap="linear")
    assert not any(status.meaning in fine.summary() for status in SimilarityStatus)
