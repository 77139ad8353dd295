"""Numbers of models against statsmodels, an integral, and simulated experiments."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

import regions
from regions.errors import ArgumentError
from regions.recall.inference import adjust, infer
from regions.recall.ratio import Contrast, Ratio
from regions.recall.replicates import _power


@pytest.mark.parametrize(
    ("delta", "expected"),
    [(0.5, (34, 44, 51, 63)), (0.75, (16, 21, 25, 30)), (1, (10, 13, 16, 19)), (2, (5, 5, 7, 8))],
)
def test_replicates(delta, expected):
    cases = [(0.05, 0.8), (0.05, 0.9), (0.01, 0.8), (0.01, 0.9)]
    assert tuple(regions.replicates(1.0, delta, a, power) for a, power in cases) == expected


def power_by_quadrature(effect, models, level, two_sample):
    """Integrate over the estimated standard deviation: given it, the test statistic is normal."""
    df = 2 * (models - 1) if two_sample else models - 1
    shift = effect * np.sqrt(models / 2 if two_sample else models)
    critical = stats.t.isf(level / 2, df)
    nodes, weights = np.polynomial.legendre.leggauss(600)
    low, high = stats.chi.ppf([1e-12, 1 - 1e-12], df)
    chi = low + (high - low) * (nodes + 1) / 2
    beyond = stats.norm.sf(critical * chi / np.sqrt(df) - shift)
    beyond += stats.norm.cdf(-critical * chi / np.sqrt(df) - shift)
    return (weights * stats.chi.pdf(chi, df) * beyond).sum() * (high - low) / 2


def test_the_number_is_the_smallest_everywhere():
    # 5.4 and 100 (level .001) are points where statsmodels knows no power
    for effect in (0.3, 1.1, 5.4, 10, 100):
        for level in (0.001, 0.05):
            for two_sample in (False, True):
                models = regions.replicates(1, effect, level, 0.9, two_sample)
                assert power_by_quadrature(effect, models, level, two_sample) >= 0.9
                before = power_by_quadrature(effect, models - 1, level, two_sample)
                assert models == 3 or before < 0.9


@pytest.mark.parametrize("effect", [0.02, 0.7, 5.4, 10.0, 40.0, 100.0, 300.0, 1e6])
def test_the_power_is_known_everywhere(effect):
    for models, level, two_sample in ((2, 0.05, False), (3, 1e-6, True), (12, 0.01, False)):
        if effect * np.sqrt(models) < 1000:
            expected = power_by_quadrature(effect, models, level, two_sample)
            assert _power(effect, models, level, two_sample) == pytest.approx(expected, abs=1e-9)
        elif models > 2:
            assert _power(effect, models, level, two_sample) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("tests", [1, 5])
def test_simulated_experiments_have_the_power(tests):
    # tests ratios of which the first has an effect; the alphas of models vary, and are measured
    runs, rng = 4000, np.random.default_rng(tests)
    found = {}
    for planned in {1, tests}:
        models = regions.replicates(0.05, 0.06, power=0.8, tests=planned, noise=0.03)
        true = rng.normal([[0.06], *[[0.0]] * (tests - 1)], 0.05, (runs, tests, models))
        measured = (true + rng.normal(0, 0.03, true.shape)).reshape(-1, models)
        contrast = Contrast(Ratio(measured, np.ones_like(measured)), np.zeros(len(measured)))
        pvalue = infer(contrast, [], "t", "two-sided").pvalue.reshape(runs, tests)
        found[planned] = np.mean([adjust(row, "holm")[0] < 0.05 for row in pvalue])
    assert 0.78 < found[tests] < 0.9
    # planned for one test, five have too little power
    assert tests == 1 or found[1] < 0.7
    without = regions.replicates(0.05, 0.06, tests=tests)
    assert without < regions.replicates(0.05, 0.06, tests=tests, noise=0.03)


def test_replicates_of_two_arms_and_bad_input():
    models = regions.replicates(1.0, 0.5, two_sample=True)
    assert models == np.ceil(TTestIndPower().solve_power(0.5, alpha=0.05, power=0.8)) == 64
    # with two models no analysis gives a verdict
    assert regions.replicates(0.001, 10.0) == regions.replicates(1, 10, power=0.9) == 3
    for bad in ((0, 1), (1, 0), (1, 1, 0.0), (1, 1, 0.9, 0.8), (1, 1e-12)):
        with pytest.raises(ArgumentError):
            regions.replicates(*bad)
    for bad in ({"tests": 0}, {"noise": -1.0}):
        with pytest.raises(ArgumentError):
            regions.replicates(1, 1, **bad)
