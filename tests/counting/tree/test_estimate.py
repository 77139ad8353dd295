"""Random walks: unbiased, intervals that hold, and refusal where they would not."""

from __future__ import annotations

import numpy as np
import pytest
from counting_oracles import count_estimate, count_vertices, dense, random_layers, zigzag_layers
from scipy import stats

import regions
from regions.counting.result import Status
from regions.counting.tree.estimate import _result, _Weights
from regions.counting.undecided import Undecided
from regions.errors import ArgumentError


def oracle(name):
    rng = np.random.default_rng(1)
    if name == "general position":
        return dense((rng.normal(size=(9, 3)), rng.normal(size=9))), None, 130
    if name == "grid":
        weight = np.zeros((7, 2))
        weight[:4, 0], weight[4:, 1] = 1.0, 1.0
        return dense((weight, rng.normal(size=7))), None, 20
    return dense(*zigzag_layers(2, copies=2)), None, 256


@pytest.mark.parametrize("name", ["general position", "grid", "zigzag"])
@pytest.mark.parametrize("tamed", [True, False])
def test_unbiased(name, tamed):
    net, domain, count = oracle(name)
    options = {"strata": 8, "leaves": 4} if tamed else {"strata": 1, "leaves": 1}
    found = [
        count_estimate(net, domain, walks=120, rng=seed, **options).details["estimate"]
        for seed in range(30)
    ]
    if np.ptp(found) == 0:  # the same number of branches on every path
        assert found[0] == pytest.approx(count)
    else:
        assert stats.ttest_1samp(found, count).pvalue > 1e-3
        assert np.mean(found) == pytest.approx(count, rel=0.1)


def test_strata_and_leaves_tame_the_variance():
    rng = np.random.default_rng(0)
    net, box = dense(*random_layers(rng, [3, 12, 12])), regions.Box.cube(3, -1.0, 1.0)

    def spread(**options):
        runs = [count_estimate(net, box, walks=300, rng=seed, **options) for seed in range(12)]
        return np.std([run.details["estimate"] for run in runs])

    assert spread() < 0.7 * spread(strata=1, leaves=1)


def test_small_networks_are_known_exactly():
    net, domain, count = oracle("grid")
    found = count_estimate(net, domain, walks=100)
    assert (found.count, found.lower, found.upper) == (count, count, count)
    assert found.status is Status.ESTIMATE


def test_refuses_an_interval_that_walks_do_not_support():
    rng = np.random.default_rng(0)
    net = dense(*random_layers(rng, [6, 30, 30]))
    found = count_estimate(net, regions.Box.cube(6, -1.0, 1.0), walks=100, strata=1, leaves=1)
    assert not found.details["supported"]
    assert found.upper is None
    assert found.lower == 1
    assert found.count is not None


@pytest.mark.parametrize(("heavy", "supported"), [(20.0, True), (30.0, False)])
def test_no_interval_where_one_walk_is_over_a_tenth(heavy, supported):
    # 199 walks of weight 1 and a heavy one: its share is w / (199 + w)
    weights = _Weights(1)
    weights.add(np.zeros(200, dtype=int), np.append(np.ones(199), heavy))
    found = _result(weights, 0.95, Undecided())
    assert found.details["largest_share"] == pytest.approx(heavy / (199 + heavy))
    assert found.details["standard_error"] < 0.2 * found.details["estimate"]
    assert (found.upper is not None) == found.details["supported"] == supported


def test_the_interval_is_that_of_students_t():
    values = np.random.default_rng(3).uniform(90, 110, 100)
    weights = _Weights(1)
    weights.add(np.zeros(100, dtype=int), values)
    found = _result(weights, 0.9, Undecided())
    reach = stats.t.ppf(0.95, 99) * stats.sem(values) / values.mean()
    assert found.lower == np.floor(values.mean() * np.exp(-reach))
    assert found.upper == np.ceil(values.mean() * np.exp(reach))


def test_workers_and_limits():
    net, domain, count = oracle("general position")
    shared = count_estimate(net, domain, walks=600, strata=4, leaves=1, n_jobs=2)
    alone = count_estimate(net, domain, walks=600, strata=4, leaves=1)
    assert shared.details["estimate"] == pytest.approx(alone.details["estimate"])
    assert shared.lower <= count <= shared.upper
    short = count_estimate(net, domain, walks=5000, strata=1, leaves=1, time_limit=1e-6)
    assert short.status is Status.LIMIT_REACHED


@pytest.mark.parametrize("option", [{"walks": 0}, {"strata": 0}, {"leaves": 0}, {"confidence": 1}])
def test_bad_options(option):
    net, domain, _ = oracle("grid")
    with pytest.raises(ArgumentError, match=next(iter(option))):
        count_estimate(net, domain, **option)


def coverage(seeds, walks):
    held = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        d = int(rng.integers(2, 5))
        widths = [d, *rng.integers(8, 17, size=2)]
        net, box = dense(*random_layers(rng, widths)), regions.Box.cube(d, -1.0, 1.0)
        found = count_estimate(net, box, walks=walks, strata=32, leaves=32, rng=seed)
        if found.upper is not None:
            held.append(found.lower <= count_vertices(net, box).count <= found.upper)
    return np.mean(held), len(held)


def test_coverage_of_the_interval():
    share, cases = coverage(range(24), walks=600)
    assert cases >= 18
    assert share >= 0.78  # 24 cases: 90 to 98 % within three standard errors


@pytest.mark.study
def test_coverage_study():
    share, cases = coverage(range(1000, 1600), walks=2000)
    print(f"coverage {share:.3f} of {cases} intervals")
    assert cases >= 500
    assert 0.90 <= share <= 0.98
