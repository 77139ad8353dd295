"""Decay of the discrepancy: fits, curves, controls, and the study."""

import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

from analyses.greedy_decay import GreedyDecayStudy
from regions.errors import ArgumentError, UnsupportedModelError
from regions.theory import fit_decay, greedy_decay
from regions.theory.greedy_decay import CURVES, FREE, RANDOM, REFIT, RULES


def network(units=24, outputs=6, seed=0):
    rng = np.random.default_rng(seed)
    pairs = [
        (rng.normal(size=(units, 5)), rng.normal(size=units)),
        (rng.normal(size=(outputs, units)), rng.normal(size=outputs)),
    ]
    return pairs, rng.normal(size=(200, 5))


@pytest.fixture(scope="module")
def decay():
    pairs, points = network()
    pairs[0][1][[3, 8]] = -1e3  # dead
    return greedy_decay(pairs, points, steps=200, draws=10)


def test_each_law_is_found_where_it_holds():
    n = np.arange(1, 60)
    for form, errors in (("exponential", 5 * np.exp(-0.2 * n)), ("power", 5.0 * n**-1.5)):
        fits = {name: fit_decay(n, errors, name) for name in ("exponential", "power")}
        other = fits["power" if form == "exponential" else "exponential"]
        assert fits[form].rate == pytest.approx(0.2 if form == "exponential" else 1.5)
        assert fits[form].r_squared == pytest.approx(1.0) and other.r_squared < 0.95
        assert other.rms > 0.2 > 1e-9 > fits[form].rms
    assert fit_decay(n, 0.5**n).halving == pytest.approx(1.0)
    assert math.isnan(fit_decay(n, n**-1.0, "power").halving)
    assert "rate 0.693" in fit_decay(n, 0.5**n).summary()
    json.dumps(fit_decay(n, 0.5**n).to_dict())


def test_intervals_cover_with_independent_errors_and_widen_with_dependent_ones():
    rng, n, inside, widths = np.random.default_rng(1), np.arange(1, 101), [], {0.0: [], 0.8: []}
    for _ in range(200):
        for memory, found in widths.items():
            noise = rng.normal(size=100)
            for i in range(1, 100):
                noise[i] = memory * noise[i - 1] + math.sqrt(1 - memory**2) * noise[i]
            fit = fit_decay(n, np.exp(-0.05 * n + 0.3 * noise))
            found.append(fit.high - fit.low)
            if memory == 0.0:
                inside.append(fit.low <= 0.05 <= fit.high)
    assert np.mean(inside) > 0.88
    assert np.mean(widths[0.8]) > 1.5 * np.mean(widths[0.0])


@pytest.mark.parametrize(
    ("n", "errors", "form"),
    [
        ([1, 2, 3], [3, 2, 1], "exponential"),
        ([1, 2, 3, 4], [3, 2, 1], "power"),
        ([1, 2, 3, 4], [3, 2, 1, 0], "power"),
        ([0, 1, 2, 3], [3, 2, 1, 1], "power"),
        ([1, 2, 3, 4], [4, 3, 2, 1], "linear"),
    ],
)
def test_fits_that_cannot_be_made_are_refused(n, errors, form):
    with pytest.raises(ArgumentError):
        fit_decay(n, errors, form)


def test_every_rule_and_control_is_there(decay):
    assert set(decay.to_frame()["curve"]) == set(CURVES)
    assert decay.to_frame().query("curve == @RANDOM")["draw"].nunique() == 10
    assert (decay.units, decay.live) == (24, 22) and decay.layer == "layer1"


def test_controls_bound_what_they_control(decay):
    best = decay.by_support().groupby(["curve", "support"])["share"].mean().unstack(0)
    assert (best.diff().dropna(how="all").fillna(0) <= 1e-12).all(axis=None)
    both = best.dropna()
    assert (both[REFIT] <= both[FREE] + 1e-9).all()
    assert (both[FREE] <= both["line search"] + 1e-9).all()
    assert best.loc[22, "no repeats"] < 1e-12 and best.loc[22, RANDOM] < 1e-9
    # negative control: random units with free weights decay as well, faster than uniform weights
    assert best.loc[20, RANDOM] < best.loc[20, "no repeats"]


def test_exponential_does_not_distinguish_the_method(decay):
    fits = decay.fits()
    chosen = fits[(fits["against"] == "support") & (fits["form"] == "exponential")]
    rates = chosen.set_index("curve")
    assert set(rates.index) == set(CURVES)
    # random units fit the law better than line search, and fall faster than uniform weights
    assert (rates["low"] > 0).all() and rates.loc[RANDOM, "r_squared"] > 0.8
    assert rates.loc[RANDOM, "r_squared"] > rates.loc["line search", "r_squared"]
    assert rates.loc[RANDOM, "rate"] > rates.loc["no repeats", "rate"]
    assert "does not distinguish" in " ".join(decay.summary().split())


def test_results_can_be_written_and_drawn(decay):
    content = json.loads(json.dumps(decay.to_dict()))
    assert content["live"] == 22 and len(content["fits"]) == len(decay.fits())
    for against, curves in (("support", len(CURVES)), ("step", len(RULES))):
        fig, ax = plt.subplots()
        drawn = decay.plot(ax, against)
        assert len(drawn.lines) == curves and drawn.get_xlabel() and drawn.get_ylabel()
        plt.close(fig)
    with pytest.raises(ArgumentError, match="against"):
        decay.plot(against="time")


def test_global_imitation_and_the_zero_start():
    pairs, points = network(seed=2)
    deep = [*pairs[:1], (pairs[1][0], pairs[1][1]), (np.ones((2, 6)), None)]
    found = greedy_decay(deep, points, "layer1", imitation="global", start="zero", draws=2)
    assert REFIT not in set(found.frame["curve"])
    first = found.frame[found.frame["step"] == 1].set_index("curve")["share"]
    assert first["line search"] < 1 <= first["no repeats"] + 1e-3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "fc"}, ArgumentError, "layer is 'fc'; choose one of"),
        ({"layer": "output"}, UnsupportedModelError, "gives outputs"),
        ({"imitation": "both"}, ArgumentError, "both"),
        ({"draws": 0}, ArgumentError, "draws is 0"),
        ({"start": "half"}, ArgumentError, "start is 'half'"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    pairs, points = network()
    with pytest.raises(error, match=message):
        greedy_decay(pairs, points, **options)
    with pytest.raises(ArgumentError, match="inputs have shape"):
        greedy_decay(pairs, points[:, :3])
    with pytest.raises(ArgumentError, match="no unit of layer 'layer1' contributes"):
        greedy_decay([(pairs[0][0], np.full(24, -1e3)), pairs[1]], points)


def test_the_study_has_every_rule_and_control():
    study = GreedyDecayStudy(hidden=8, epochs=1, steps=12, draws=2, images=50)
    frame = study.measure(seed=0)
    points, fits = frame[frame["form"].isna()], frame[frame["form"].notna()]
    assert set(points.loc[points["against"] == "support", "curve"]) == set(CURVES)
    assert set(points.loc[points["against"] == "step", "curve"]) == set(RULES)
    assert not fits["rate"].isna().any() and (points["share"] >= 0).all()
