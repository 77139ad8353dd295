"""Results in every form."""

import json

import matplotlib.pyplot as plt
import pytest
from small_networks import noise

import regions


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
