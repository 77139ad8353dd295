"""Intervals of a rate of decay: coverage, exact laws, and scipy where nothing is remembered."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.api import OLS

from regions.errors import ArgumentError
from regions.theory import decay_fit, fit_decay

RATE = 0.07


def noisy(rng, curves, points, memory, form):
    """Return design and logarithms of curves with autoregressive noise."""
    n = np.arange(1.0, points + 1)
    x = n if form == "exponential" else np.log(n)
    noise = rng.standard_normal((curves, points))
    for i in range(1, points):
        noise[:, i] = memory * noise[:, i - 1] + np.sqrt(1 - memory**2) * noise[:, i]
    return np.column_stack([np.ones(points), -x]), 2 - RATE * x + 0.2 * noise


def coverage(curves, points, memory, form, seed):
    rates, errors, weights, df = decay_fit.posterior(
        *noisy(np.random.default_rng([seed, points]), curves, points, memory, form)
    )
    share = (weights * stats.t.cdf((RATE - rates) / errors, df)).sum(0)
    return np.mean((share > 0.025) & (share < 0.975))


def newey_west(curves, points, memory, form, seed):
    """The interval that was used before."""
    design, logs = noisy(np.random.default_rng([seed, points]), curves, points, memory, form)
    lags, held = int(4 * (points / 100) ** (2 / 9)), []
    for y in logs:
        fit = OLS(y, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags}, use_t=True)
        low, high = fit.conf_int(0.05)[1]
        held.append(low <= RATE <= high)
    return np.mean(held)


@pytest.mark.parametrize("form", decay_fit.FORMS)
def test_intervals_cover_white_and_remembering_noise(form):
    for points in (8, 30):
        for memory in (0.0, 0.5):
            assert 0.92 < coverage(1500, points, memory, form, 6) < 0.99
    # the control: what Newey-West intervals hold
    assert newey_west(150, 8, 0.5, form, 6) < 0.85


@pytest.mark.study
@pytest.mark.parametrize("form", decay_fit.FORMS)
@pytest.mark.parametrize("points", [8, 10, 15, 30, 60])
@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_coverage_of_rates(form, points, memory):
    found = coverage(10000, points, memory, form, 7)
    # up to 10 points the uniform prior shows: a little below with AR(.5), above with white noise
    low, high = (0.93, 0.985) if points <= 10 else (0.935, 0.977)
    assert low <= found <= high


def test_the_interval_of_a_curve_is_that_of_its_posterior():
    design, logs = noisy(np.random.default_rng(3), 1, 12, 0.3, "exponential")
    fit = fit_decay(np.arange(1, 13), np.exp(logs[0]))
    rates, errors, weights, df = decay_fit.posterior(design, logs[0])
    for end, share in ((fit.low, 0.025), (fit.high, 0.975)):
        assert weights @ stats.t.cdf((end - rates) / errors, df) == pytest.approx(share)
    assert fit.low < fit.rate < fit.high
    narrow = fit_decay(np.arange(1, 13), np.exp(logs[0]), level=0.5)
    assert fit.low < narrow.low < narrow.high < fit.high


def test_without_memory_it_is_least_squares(monkeypatch):
    monkeypatch.setattr(decay_fit, "_MEMORY", np.zeros(1))
    n = np.arange(1, 15)
    errors = np.exp(-0.3 * n + np.sin(n))
    fit, expected = fit_decay(n, errors), stats.linregress(n, np.log(errors))
    half = stats.t.ppf(0.975, 12) * expected.stderr
    assert (fit.rate, fit.r_squared) == pytest.approx((-expected.slope, expected.rvalue**2))
    assert (fit.low, fit.high) == pytest.approx((-expected.slope - half, -expected.slope + half))


def test_an_exact_law_has_no_width_and_a_wrong_level_is_refused():
    fit = fit_decay(np.arange(1, 9), 0.5 ** np.arange(1, 9))
    assert fit.low == fit.rate == fit.high
    with pytest.raises(ArgumentError, match="level is 1"):
        fit_decay(np.arange(1, 9), 0.5 ** np.arange(1, 9), level=1.0)


@pytest.mark.parametrize("form", decay_fit.FORMS)
@pytest.mark.parametrize("unit", [1e-300, 1e-6, 1e12, 1e300])
def test_the_unit_of_n_and_the_scale_of_d_change_nothing_but_the_unit(form, unit):
    """Exponential rates are per unit of n, powers have none; D may be of any size."""
    n = np.arange(1.0, 11)
    errors = np.exp(-0.3 * n + 0.1 * np.random.default_rng(5).standard_normal(10))
    fit, other = fit_decay(n, errors, form), fit_decay(n * unit, errors * 1e-200, form)
    per = unit if form == "exponential" else 1.0
    found = np.array([other.rate, other.low, other.high]) * per
    np.testing.assert_allclose(found, [fit.rate, fit.low, fit.high], rtol=1e-9)
    assert (other.rms, other.r_squared) == pytest.approx((fit.rms, fit.r_squared))


def test_an_exponential_does_not_care_where_n_starts():
    n = np.arange(1.0, 11)
    errors = np.exp(-0.3 * n + 0.1 * np.random.default_rng(5).standard_normal(10))
    fit, far = fit_decay(n, errors), fit_decay(n + 2.0**40, errors)
    assert (far.rate, far.low, far.high) == pytest.approx((fit.rate, fit.low, fit.high), rel=1e-9)
    power = fit_decay(n, errors, "power")
    assert fit_decay(n + 2.0**20, errors, "power").rate != pytest.approx(power.rate, rel=0.1)


def test_little_noise_has_an_interval_at_any_scale_of_d():
    n = np.arange(1.0, 11)
    noise = 1 + 1e-8 * np.random.default_rng(6).standard_normal(10)
    fits = [fit_decay(n, scale * np.exp(-0.001 * n) * noise) for scale in (1, 1e-200)]
    widths = [fit.high - fit.low for fit in fits]
    assert widths[0] == pytest.approx(widths[1], rel=1e-4)
    assert 1e-10 < widths[0] < 1e-7


def test_points_that_are_no_curve():
    with pytest.raises(ArgumentError, match="n is the same at all 5 points"):
        fit_decay(np.ones(5), np.linspace(1, 0.1, 5))
    flat = fit_decay(np.arange(1, 6), np.full(5, 0.3))
    assert flat.rate == flat.low == flat.high == 0
    assert "R^2 of log D undefined because D stays the same on 5" in flat.summary()
