"""Hard classes told from regression to the mean over seeds."""

import numpy as np


def test_regression_to_the_mean_over_seeds():
    # x = mu + u0, y = 1.1 mu + ut with ut = .2 u0 + noise: hard classes do fall further, yet the
    # slope within one model is below 1; only the cross-model estimator shows it
    from regions.recall.cross_model import pairs

    rng = np.random.default_rng(11)
    mu, found = np.linspace(-0.1, 0.1, 10), []
    for _ in range(40):
        start = rng.normal(0, 0.03, (30, 10))
        end = 0.2 * start + rng.normal(0, 0.03, (30, 10))
        x, y = mu + start, 1.1 * mu + end
        x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
        within = ((x - x.mean(0)) * (y - y.mean(0))).sum() / ((x - x.mean(0)) ** 2).sum()
        each = ((x * y).sum(1) / (x * x).sum(1)).mean()
        cross = pairs(x, y[None], np.ones(10)).value[0]
        found.append(((x * y).sum() / (x * x).sum(), each, cross, within))
    pooled, mean, cross, within = np.mean(found, axis=0)
    assert 0.94 < pooled < 0.965
    assert 0.965 < mean < 0.995
    assert 1.09 < cross < 1.11
    assert 0.18 < within < 0.22
