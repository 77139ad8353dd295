"""What intervals cover: new images, images of each model's own, and these same images."""

import numpy as np
import pytest
from recall_simulations import contrasts, covered, images, independent, recalls

import regions
from regions.errors import ArgumentError
from regions.recall import OLS, Moments
from regions.recall.counts import leave_one_out
from regions.recall.inference import infer, two_way_variance
from regions.recall.nulls import One
from regions.recall.ratio import Contrast, Ratio

ALPHA = 1.1


def rates(models, n, sharing, experiments, batches, seed):
    """Return how often intervals of alpha hold it: over models and images, over models alone."""
    p, q = recalls(ALPHA, 0.7)
    rng, found = np.random.default_rng(seed), []
    for _ in range(batches):
        (groups,) = images(rng, experiments, models, n, p, [q], sharing, 50)
        both = covered(groups, Moments(), One(), ALPHA - 1)
        alone = covered([leave_one_out(groups)[0]], Moments(), One(), ALPHA - 1)
        found.append((both.mean(), alone.mean()))
    return np.mean(found, axis=0)


def test_coverage_where_models_share_images():
    # binomial: 200 at .95 give at least .895 in 99.9 %
    both, alone = rates(25, 50, 0.6, 50, 4, 1)
    assert both >= 0.895 and alone < 0.87
    assert rates(10, 50, 0.0, 50, 4, 2)[0] >= 0.895


@pytest.mark.study
@pytest.mark.parametrize("sharing", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("models", [10, 30])
def test_coverage_of_new_images(models, n, sharing):
    experiments = 100 if n == 100 else 20
    runs = 1500 if n == 100 else 600
    both, _ = rates(models, n, sharing, experiments, runs // experiments, [models, n, 3])
    slack = 2.6 * np.sqrt(0.05 * 0.95 / runs)
    assert 0.94 - slack <= both <= 0.96 + slack


def fixed_images(models, experiments, seed):
    """Return, for one set of images, intervals of ols and of moments against its own truth."""
    p, q = recalls(ALPHA, 0.7)
    rng = np.random.default_rng(seed)
    shown = rng.standard_normal((1, 1, 10, 40), dtype=np.float32)
    (groups,) = images(rng, experiments, models, 40, p, [q], 0.6, 1, shown=shown)
    (ols,), (corrected,) = (contrasts(groups, choice, One()) for choice in (OLS(), Moments()))
    truth = ols.ratio.per_model().mean() - 1
    held = []
    for contrast in (ols, corrected):
        found = infer(contrast, [], "t", "two-sided")
        # standard errors enough: 2.05 is the quantile of 29 degrees of freedom
        held.append((np.abs(found.deviation - truth) <= 2.05 * found.standard_error).mean())
    return held


def test_these_same_images_are_covered_by_the_uncorrected_slope():
    held = np.array([fixed_images(30, 150, seed) for seed in range(4)])
    assert held[:, 0].mean() > 0.92
    # the corrected slope speaks of other images
    assert held[:, 1].mean() < 0.8


def test_two_way_variance_by_hand():
    # means over models and groups of images: all parts have closed forms
    rng = np.random.default_rng(0)
    models, groups = 7, 12
    cells = rng.normal(size=(models, groups)) + rng.normal(0, 2, (1, groups))
    cells += rng.normal(0, 0.5, (models, 1))

    def contrast(part):
        return Contrast(Ratio(part.mean(-1)[None], np.ones((1, models))), np.zeros(1))

    left_out = [contrast(np.delete(cells, g, axis=1)) for g in range(groups)]
    variance, df = two_way_variance(contrast(cells), left_out)
    over_models = cells.mean(1).var(ddof=1) / models
    over_images = cells.mean(0).var(ddof=1) / groups
    interaction = (cells.var(1, ddof=1) / groups).sum() / models**2
    shared = (over_images - interaction) * models / (models - 1)
    assert interaction > 0.05 * over_images and shared > 0
    assert variance[0] == pytest.approx(over_models + shared)
    left = np.array([part.value[0] for part in left_out]) - contrast(cells).value[0]
    excess = max(0, (left**4).mean() / (left**2).mean() ** 2 - 3)
    freedom = 2 / (2 / (groups - 1) + excess / groups)
    below = over_models**2 / (models - 1) + over_images**2 / freedom
    assert df[0] == pytest.approx(variance[0] ** 2 / below)


def test_few_images_that_decide_all_leave_few_degrees_of_freedom():
    # one group of 20 holds all the spread: the kurtosis of its deviations is 19 + 1/19 - 1
    cells = np.zeros((5, 20))
    cells[:, 0] = 1.0

    def contrast(part):
        return Contrast(Ratio(part.mean(-1)[None], np.ones((1, 5))), np.zeros(1))

    left_out = [contrast(np.delete(cells, g, axis=1)) for g in range(20)]
    kurtosis = (19**4 + 19) / 20 / ((19**2 + 19) / 20) ** 2
    freedom = 2 / (2 / 19 + (kurtosis - 3) / 20)
    _, df = two_way_variance(contrast(cells), left_out)
    assert df[0] == pytest.approx(freedom) and freedom < 3


def test_two_way_variance_is_unbiased():
    # each part is estimated without bias where images and models both matter
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        cells = rng.normal(size=(6, 10)) + rng.normal(0, 1.5, (1, 10)) + rng.normal(0, 1, (6, 1))
        parts = [np.delete(cells, g, axis=1) for g in range(10)]
        made = [
            Contrast(Ratio(part.mean(-1)[None], np.ones((1, 6))), np.zeros(1))
            for part in (cells, *parts)
        ]
        found.append(two_way_variance(made[0], made[1:])[0][0])
    expected = 1 / 6 + 1.5**2 / 10 + 1 / 60
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / 20)


def test_each_population_is_named_and_chosen_by_what_is_known(predicted):
    counts = regions.RecallTable.from_frame(predicted.to_frame())
    for table, estimator, name, words in (
        (predicted, "moments", "examples", "new test images"),
        (predicted, "split_half", "examples", "new test images"),
        (counts, "moments", "independent", "new test images of its own"),
        (predicted, "ols", "test_set", "these same test images"),
        (predicted, "cross_model", "test_set", "these same test images"),
    ):
        result = regions.intensification(table, estimator)
        assert result.options.population == name
        assert "whose alpha the intervals cover: further training seeds" in result.summary()
        assert words in result.summary()
        warned = any("too narrow for new images" in note for note in result.warnings)
        assert warned == (name == "independent")
    assert regions.intensification(predicted, test="wilcoxon").options.population == "independent"
    with pytest.raises(ArgumentError, match='use estimator="ols" or "cross_model"'):
        regions.intensification(predicted, population="test_set")
    compared = regions.compare_intensification(predicted, predicted)
    assert "images of its own" in compared.summary()


def test_simulated_models_have_the_truth_that_is_tested():
    p, q = recalls(ALPHA, 0.7)
    counts = independent(np.random.default_rng(3), 4, 30, 2000, p, q)
    assert Moments().ratios([counts], *_scale())[0].value == pytest.approx(ALPHA, abs=0.02)


def _scale():
    from regions.recall.balance import Scale

    return Scale(), np.random.default_rng(0)
