"""Dead and constant units."""

import copy
import tracemalloc

import numpy as np
import pytest
from small_networks import kill, noise

import regions
from regions.representations import (
    MEASURES,
    DegenerateLayerWarning,
    SimilarityStatus,
    pair_of,
)


def test_dead_units_are_dropped_counted_and_in_one_of_the_denominators(networks):
    dense, _ = networks
    pruned = kill(copy.deepcopy(dense), 0, [1, 4])
    found = regions.compare_layers(dense, pruned, noise(500, 6), measure="cca", layers=["0", "1"])
    before, after = found["0"], found["1"]
    assert (before.constant_y, before.dead_y) == (2, 0)  # the bias remains before the ReLU
    assert (after.constant_y, after.dead_y, after.rank_y) == (0, 2, 6)
    assert after.value == pytest.approx(1, abs=1e-6)
    assert after.value_all == pytest.approx(6 / 8, abs=1e-6)


def test_a_dead_layer_is_nan_with_a_status_and_one_warning(networks):
    dense, _ = networks
    pruned = kill(copy.deepcopy(dense), 0, slice(None))
    with pytest.warns(DegenerateLayerWarning, match="NaN for 0, 1, 2, 3, 4"):
        found = regions.compare_layers(dense, pruned, noise(500, 6), grid=True, blocks=5)
    frame = found.to_frame()
    assert frame["value"].isna().all()
    assert set(frame["status"]) == {"degenerate"}
    assert found["1"].dead_y == 8
    assert found.matrix.shape == (5, 5)
    with pytest.warns(DegenerateLayerWarning, match=r"cca is NaN: of 3 and 3 neurons 3 and 0"):
        result = regions.cca(np.zeros((50, 3)), np.random.default_rng(0).standard_normal((50, 3)))
    assert np.isnan(result.value)
    assert result.status is SimilarityStatus.DEGENERATE


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", MEASURES)
def test_no_measure_calls_two_dead_layers_equal(name):
    rng = np.random.default_rng(0)
    live, dead = rng.standard_normal((60, 4)), np.full((60, 4), 0.1)
    for X, Y in [(live, dead), (dead, live), (dead, dead), (np.zeros((60, 4)), np.zeros((60, 4)))]:
        result = MEASURES[name](pair_of(X, Y))
        assert np.isnan(result.value)
        assert result.status is SimilarityStatus.DEGENERATE


def test_fewer_live_directions_raise_the_mean_and_the_null_shows_it():
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((1000, 60)), rng.standard_normal((1000, 60))
    pruned = Y.copy()
    pruned[:, 5:] = 0
    full, few = regions.cca(X, Y), regions.cca(X, pruned)
    assert few.value > full.value + 0.05
    assert few.null > full.null + 0.03
    assert few.value - few.null == pytest.approx(full.value - full.null, abs=0.02)
    assert (few.k, few.rank_y, few.dead_y) == (5, 5, 55)


def test_removed_channels_are_no_obstacle():
    X = np.random.default_rng(4).standard_normal((400, 8))
    for name in ("cca", "svcca", "pwcca"):
        result = MEASURES[name](pair_of(X, X[:, :5]))
        assert (result.neurons_x, result.neurons_y, result.k) == (8, 5, 5)
        assert result.value == pytest.approx(1)


@pytest.mark.parametrize("measure", [regions.cka, regions.procrustes])
def test_few_samples_of_many_neurons_need_no_products_of_neurons(measure):
    # the products of 2 x 3000 neurons alone take 288 MB
    X, Y = np.random.default_rng(0).standard_normal((2, 40, 3000))
    tracemalloc.start()
    value = measure(X, Y).value
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
    K, L = (rows @ rows.T for rows in (X - X.mean(0), Y - Y.mean(0)))
    if measure is regions.cka:
        assert value == pytest.approx(np.vdot(K, L) / np.linalg.norm(K) / np.linalg.norm(L))
    else:
        inner = np.sqrt(np.linalg.eigvals(K @ L).real.clip(0)).sum()
        assert value == pytest.approx(inner / np.sqrt(np.trace(K) * np.trace(L)), abs=1e-6)
