"""Level of equal log-odds with measured recalls, and expansions against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from recall_simulations import contrasts, independent
from scipy import special, stats

from regions.recall import CrossModel, Moments, SplitHalf, logit_shift
from regions.recall.balance import Scale, balances
from regions.recall.cross_model import pairs
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


@pytest.mark.parametrize("spread", [0.0, 0.25])
@pytest.mark.parametrize("estimator", [Moments(), CrossModel(), SplitHalf(splits=5)])
def test_level_of_equal_log_odds(estimator, spread):
    for models, n in ((10, 20), (40, 100)):
        above, below = rejections(draw(2, 300, models, n, spread), estimator)
        # binomial: 300 at .025 give at most .06 in 99.9 %
        assert max(above, below) < 0.06


def test_level_without_joint_correctness():
    counts = replace(draw(2, 300, 40, 100, 0.25), both=None)
    assert max(rejections(counts, CrossModel())) < 0.06


def test_plain_predictions_do_not_hold_the_level():
    assert max(plain(draw(2, 200, 60, 100))) > 0.08
    # nor does taking the spread of the models for noise, as if all had the mean recalls
    counts = draw(8, 100, 100, 1000, 0.5)
    found = balances(counts, Scale())
    spread = found.recall_dense.var(1, ddof=1, keepdims=True)
    noise = replace(covariances(counts, found), dense=np.broadcast_to(spread, (100, 100, 10)))
    reference = pairs(found.x, means(LogitShift().recalls, found, noise), found.slope)
    ratio = CrossModel().ratios([counts], Scale(), np.random.default_rng(0))[0]
    assert max(_one_sided(Contrast(ratio, reference))) > 0.15
    assert max(rejections(counts, CrossModel())) < 0.09


@pytest.mark.study
@pytest.mark.parametrize("spread", [0.0, 0.25])
@pytest.mark.parametrize("n", [20, 100, 1000])
@pytest.mark.parametrize("models", [10, 30, 100])
@pytest.mark.parametrize("estimator", [Moments(), CrossModel(), SplitHalf(splits=5)])
def test_level_from_10_to_100_models(estimator, models, n, spread):
    runs = 20000 // models
    above, below = rejections(draw([3, models, n], runs, models, n, spread), estimator)
    allowed = 0.025 + 3.1 * np.sqrt(0.025 * 0.975 / runs)
    assert max(above, below) < allowed + 0.005


def test_a_linear_prediction_is_expanded_exactly():
    # R' = R - (A - a) is linear in recalls and accuracy: its terms are the balances themselves
    counts = draw(4, 3, 6, 50)
    found, null = balances(counts, Scale()), Additive()

    def without_norm(recall, accuracy, weights):
        return null.recalls(recall, accuracy, weights)

    terms = means(without_norm, found, covariances(counts, found))
    average = null.recalls(
        found.recall_dense.mean(1), found.accuracy_pruned.mean(1), found.centre
    ) / found.accuracy_pruned.mean(1, keepdims=True)
    # only the division by the accuracy is curved, by its variance over the models
    assert terms.mean(1) + 1 == pytest.approx(average, rel=3e-3)


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


def test_means_subtract_noise_and_keep_the_spread_of_models():
    # a prediction R' = a R^2 has the balance R^2 - 1, of which the noise is known without bias
    counts = draw(7, 5, 4, 30)
    found = balances(counts, Scale())
    noise = covariances(counts, found)
    terms = means(lambda recall, accuracy, weights: recall**2 * accuracy[..., None], found, noise)
    recall = found.recall_dense
    assert terms == pytest.approx(recall**2 - recall * (1 - recall) / 29 - 1, abs=1e-7)


def test_means_know_the_noise_of_the_accuracy_and_what_it_shares():
    # balances R / a - 1 of a prediction R: second derivatives 2 R / a^3 by a, -1 / a^2 by both
    counts = draw(9, 5, 4, 30)
    found = balances(counts, Scale())
    noise, w = covariances(counts, found), found.centre
    terms = means(lambda recall, accuracy, weights: recall, found, noise)
    recall, accuracy = found.recall_dense, found.accuracy_pruned[..., None]
    r, a = recall.mean(1, keepdims=True), accuracy.mean(1, keepdims=True)
    value = r / a - 1 + (recall - r) / a - r * (accuracy - a) / a**2
    value += (accuracy - a) * (r * (accuracy - a) / a**3 - (recall - r) / a**2)
    bias = r / a**3 * (w * w * noise.pruned).sum(-1)[..., None] - w * noise.shared / a**2
    assert terms == pytest.approx(value - bias, abs=1e-6)
