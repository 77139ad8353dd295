"""Level of equal log-odds with measured recalls, and expansions against closed forms."""

import numpy as np
import pytest
from recall_simulations import contrasts, independent
from scipy import special, stats

from regions.recall import CrossModel, Moments, SplitHalf, logit_shift
from regions.recall.balance import Scale, balances
from regions.recall.inference import infer
from regions.recall.noise import covariances
from regions.recall.nulls import Additive, LogitShift
from regions.recall.predicted import means, products
from regions.recall.ratio import Contrast, Ratio


def draw(seed, experiments, models, n, spread=0.0):
    """Draw counts in which each model loses the same log-odds in all classes."""
    rng = np.random.default_rng(seed)
    odds = special.logit(np.linspace(0.75, 0.99, 10))
    p = special.expit(odds + spread * rng.standard_normal((experiments, models, 10)))
    return independent(rng, experiments, models, n, p, logit_shift(p, np.full(p.shape[:2], 0.7)))


def rejections(counts, estimator):
    """Return how often alpha is found above and below its null, each nominal .025."""
    whole, *_ = contrasts([counts], estimator, LogitShift(), np.random.default_rng(0))
    return _one_sided(whole)


def plain(counts):
    """The same with the prediction from each model's measured recalls, as it was."""
    found = balances(counts, Scale())
    ratio, null = Moments().ratios([counts], Scale(), np.random.default_rng(0))[0], LogitShift()
    reference = Ratio((found.slope * found.x * null.balances(found)).sum(-1), ratio.denominator)
    return _one_sided(Contrast(ratio, reference))


def _one_sided(contrast):
    found = infer(contrast, [], "t", "two-sided")
    critical = stats.t.isf(0.025, found.df)
    return (found.statistic > critical).mean(), (found.statistic < -critical).mean()


@pytest.mark.parametrize("estimator", [Moments(), CrossModel(), SplitHalf(splits=5)])
def test_level_of_equal_log_odds(estimator):
    for models, n in ((10, 20), (40, 100)):
        above, below = rejections(draw(2, 300, models, n), estimator)
        # binomial: 300 at .025 give at most .06 in 99.9 %
        assert max(above, below) < 0.06


def test_the_plain_prediction_does_not_hold_the_level():
    assert max(plain(draw(2, 200, 60, 100))) > 0.08


@pytest.mark.study
@pytest.mark.parametrize("spread", [0.0, 0.25])
@pytest.mark.parametrize("n", [20, 100, 1000])
@pytest.mark.parametrize("models", [10, 30, 100])
def test_level_from_10_to_100_models(models, n, spread):
    runs = 20000 // models
    above, below = rejections(draw([3, models, n], runs, models, n, spread), Moments())
    allowed = 0.025 + 3.1 * np.sqrt(0.025 * 0.975 / runs)
    assert max(above, below) < allowed + 0.005


def test_a_linear_prediction_is_expanded_exactly():
    # R' = R - (A - a) is linear in recalls and accuracy: its terms are the balances themselves
    counts = draw(4, 3, 6, 50)
    found, null = balances(counts, Scale()), Additive()

    def without_norm(recall, accuracy, weights):
        return null.recalls(recall, accuracy, weights)

    terms = means(without_norm, found)
    average = null.recalls(
        found.recall_dense.mean(1), found.accuracy_pruned.mean(1), found.centre
    ) / found.accuracy_pruned.mean(1, keepdims=True)
    # only the division by the accuracy is curved, by its variance over the models
    assert terms.mean(1) + 1 == pytest.approx(average, rel=1e-3)


def test_products_subtract_what_noise_adds():
    # with a prediction R' = a R / A the balances are the dense ones: sum W x^2, free of noise
    counts = draw(5, 300, 30, 40)
    found = balances(counts, Scale())

    def kept(recall, accuracy, weights):
        return recall * (accuracy / (recall @ weights))[..., None]

    noise = covariances(counts, found)
    p = np.linspace(0.75, 0.99, 10)
    expected = ((p / p.mean() - 1) ** 2).sum()
    assert products(kept, found, noise).mean() == pytest.approx(expected, rel=0.02)
    raw = (found.x**2).sum(-1).mean()
    assert raw > 1.2 * expected


def test_means_subtract_what_the_spread_of_few_models_adds():
    # a prediction R' = a R^2 has the balance R^2 - 1: the square of the mean is known unbiasedly
    found = balances(draw(7, 5, 4, 30), Scale())
    terms = means(lambda recall, accuracy, weights: recall**2 * accuracy[..., None], found)
    recall = found.recall_dense
    expected = recall.mean(1) ** 2 - recall.var(1, ddof=1) / 4 - 1
    assert terms.mean(1) == pytest.approx(expected, abs=1e-7)
