"""The correction of measurement noise against repeated measurements, and its limits."""

import numpy as np
import pytest

import regions
from analyses.benchmarks import recall_calibration as calibration
from regions.recall.balance import Scale, balances
from regions.recall.counts import Counts
from regions.recall.moments import moments, noise_of


def test_noise_is_what_repeated_measurements_show():
    # variance and covariance of measured balances about their truth, 40,000 measurements
    rng = np.random.default_rng(5)
    n, p, q = 60, np.array([0.6, 0.8, 0.9]), np.array([0.4, 0.75, 0.85])
    together = 0.7 * np.minimum(p, q) + 0.3 * p * q
    shape = (40000, 3)
    both = rng.binomial(n, np.broadcast_to(together, shape))
    dense = both + rng.binomial(n - both, (p - together) / (1 - together))
    pruned = both + rng.binomial(n - dense, (q - together) / (1 - p))
    counts = Counts(np.full(3, n), dense, pruned[None], both[None])
    found = balances(counts, Scale())
    x, y = p / p.mean() - 1, q / q.mean() - 1
    noise = noise_of(counts, found)
    for estimate, measured in (
        (noise.dense, ((found.x - x) ** 2).sum(-1)),
        (noise.pruned[0], ((found.y[0] - y) ** 2).sum(-1)),
    ):
        assert estimate.mean() == pytest.approx(measured.mean(), rel=0.02)
    # pruned gains must be drawn from the images that dense misses
    assert noise.shared.mean() == pytest.approx(
        ((found.x - x) * (found.y[0] - y)).sum(-1).mean(), rel=0.05
    )


def test_naive_slope_is_diluted_as_predicted():
    # plim: (alpha sum x^2 + sum cov) / (sum x^2 + sum var), without overlap (kappa 0)
    p = np.linspace(0.75, 0.95, 10)
    x, w = p / p.mean() - 1, 0.1
    v = p * (1 - p) / 100
    noise = (v * (1 - 2 * w * (1 + x))).sum() + w * w * v.sum() * ((1 + x) ** 2).sum()
    expected = (x @ x) / (x @ x + noise / p.mean() ** 2)
    frame = calibration.slope_runs("N1", 0, 40)
    naive = frame[frame["test"] == "naive pooled"]["estimate"]
    assert naive.mean() == pytest.approx(expected, abs=4 * naive.sem())
    assert expected == pytest.approx(0.785, abs=0.005)


@pytest.mark.parametrize("case", ["N1", "P2"])
def test_corrected_estimators_find_the_truth(case):
    frame = calibration.slope_runs(case, 1000, 60)
    for test in ("moments", "split_half"):
        part = frame[frame["test"] == test]
        assert part["estimate"].mean() == pytest.approx(
            part["truth"].iloc[0], abs=3 * part["estimate"].sem() + 0.005
        )
        assert part["rejected"].mean() <= 0.15
    naive = frame[frame["test"] == "naive mean"]["rejected"].mean()
    # the demonstration: a true null is rejected nearly always, a small effect hidden or inflated
    assert naive > (0.85 if case == "N1" else 0.1)


def test_nothing_to_correct_where_errors_are_nested():
    frame = calibration.slope_runs("N3", 0, 60).groupby("test")
    assert frame["estimate"].mean().to_numpy() == pytest.approx(1, abs=0.01)
    assert (frame["rejected"].mean() <= 0.15).all()


def test_bounds_hold_the_truth_when_joint_correctness_is_unknown():
    table = calibration.simulate(np.random.default_rng(4), **calibration.CASES["N2"])
    known = regions.intensification(table)
    counts = regions.RecallTable.from_counts(table.dense, {10: table.pruned[0]}, 100)
    result = regions.intensification(counts)
    low, independent, high = result.bounds[:, 0]
    assert low < known.estimate[0] < independent < high
    assert np.isnan(result.estimate[0]) and any("bounds" in note for note in result.warnings)
    interval = result.confidence_interval()
    assert interval.low[0] < low and interval.high[0] > high
    assert result.pvalue[0] >= known.pvalue[0]
    with pytest.raises(regions.errors.ArgumentError, match="joint correctness is unknown"):
        regions.intensification(counts, "split_half")


def test_bounds_are_reached():
    rng = np.random.default_rng(8)
    dense, pruned = rng.integers(50, 95, (6, 5)), rng.integers(30, 95, (6, 5))
    bounds = regions.intensification(
        regions.RecallTable.from_counts(dense, {2: pruned}, 100)
    ).bounds[:, 0]
    for both, expected in (
        (np.minimum(dense, pruned), bounds.min()),
        (np.maximum(0, dense + pruned - 100), bounds.max()),
    ):
        table = regions.RecallTable.from_counts(dense, {2: pruned}, 100, {2: both})
        assert moments(table.counts, Scale()).value[0] == pytest.approx(expected, abs=1e-12)
