"""`intensification`: do classes with low recall fall further when networks are pruned?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from regions.arguments import check_flag
from regions.errors import ArgumentError
from regions.randomness import Rng, generator_of
from regions.recall.bootstrap import bootstrap_intervals
from regions.recall.coincidence import copies_of
from regions.recall.cross_model import CrossModel
from regions.recall.describe import describe
from regions.recall.estimate import Estimate, estimate
from regions.recall.estimator import Estimator
from regions.recall.inference import FEWEST_MODELS, Inference, adjust, infer, verdicts
from regions.recall.noise import JOINT, PREDICTIONS
from regions.recall.nulls import Control, Null
from regions.recall.options import PAPER, PAPER_FAMILY, Options
from regions.recall.result import IntensificationResult
from regions.recall.sample import SAME_VALUE, chance_note, why_each
from regions.recall.table import RecallTable, check_table

_FEW_MODELS = 8


def intensification(
    table: RecallTable,
    estimator: str | Estimator = "moments",
    null: str | Null = "one",
    correction: str = "holm",
    paper: bool = False,
    *,
    rng: Rng = 0,
    **options: Any,
) -> IntensificationResult:
    """Estimate and test the intensification ratio alpha at every compression ratio.

    alpha_t is the slope through the origin of the pruned networks' normalised recall balances
    Bn_t^c = R_t^c / A_t - 1 on those of their dense networks. Above 1, classes with a recall
    below (above) the accuracy fall (rise) further from it: intensification.

    Parameters
    ----------
    table : RecallTable
    estimator : {"moments", "ols", "split_half", "cross_model"} or Estimator
        ``estimator="ols", aggregate="pooled"`` and ``estimator=OLS(aggregate="pooled")`` are the
        same call.
        ``"ols"`` is the published slope; a recall measured on finitely many images dilutes it.
        ``"moments"`` subtracts the measurement noise and needs joint correctness: without it,
        the estimate is NaN, `bounds` holds what is possible, and p-values are the worst case.
        ``"split_half"`` compares different halves of the images (same target, other route).
        ``"cross_model"`` compares different models: are classes that are hard *on average* hit?
    null : {"one", "logit_shift", "proportional", "additive", "flips", "control"} or Null
        What alpha is tested against: 1 (as published; also the value if all recalls shrink by
        one factor); the alpha if all classes lose the same log-odds, lose the same recall, or
        have the same share of predictions replaced by guesses; that of the control arm (ratio 1).
    correction : {"holm", "bonferroni", "bh", "none"}
        Over the ratios of the table. "bh" controls the false discovery rate, the others the
        family-wise error.
    paper : bool
        As published: ols, mean over models, unweighted classes, null 1, t interval of level
        99 %, Bonferroni for a family of five ratios. Excludes the other options.
    rng : int, numpy.random.Generator or None
        For random halves, groups of images and the bootstrap.
    **options
        The fields of the estimator (`regions.recall.ESTIMATORS`), and:
        center : "accuracy" (default) or "balanced_accuracy".
        weights : of classes in slopes, "size" or "equal"; by default what makes balances sum to 0.
        population : of whom the result speaks. "test_set": further seeds on these same images,
        which are all there is (ols and cross_model, which do not correct for noise). "examples":
        further seeds and new images (the default of moments and split_half; needs predictions),
        by the jackknife over `groups` of images (50, or the images of the smallest class).
        "independent": the same if each model had test images of its own (their default from
        counts, which do not show what models share; too narrow where they share much).
        alternative : "two-sided" (default), "less" or "greater".
        test : "t" (default), "wilcoxon" or "sign_flip" (exact up to 12 models), of the models'
        alphas, or of their pseudo-values where alpha is a ratio of sums.
        confidence_level : .95 by default, for each ratio alone.
        n_boot : bootstrap draws of whole models for `bootstrap_interval` (0: none).

    Returns
    -------
    IntensificationResult
        One entry per ratio, ascending.

    Raises
    ------
    ArgumentError
        For unknown options, or data that an option needs and the table lacks.

    Notes
    -----
    Sample unit: one trained model. Source of alpha and of the published tests: Good et al. 2022,
    arXiv 2206.02976. The measurement corrections are this package's.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865, 782], [903, 959, 858, 792], [916, 970, 838, 757]]
    >>> pruned = [[815, 937, 689, 672], [818, 908, 708, 631], [810, 919, 652, 610]]
    >>> table = regions.RecallTable.from_counts(dense, {50: pruned}, n=1000)
    >>> result = regions.intensification(table, paper=True)
    >>> result.estimate.round(3).tolist(), result.verdict
    ([1.787], ('?',))
    """
    check_table(table)
    check_flag(paper, "paper")
    named = {"estimator": estimator, "null": null, "correction": correction}
    chosen = _options({**named, **options}, paper).settled(table.predictions is not None)
    generator = generator_of(rng)
    limits = chosen.estimator.limits() if table.both is None else ()
    if limits:
        found, inference, bounds = _within_bounds(table, chosen, limits, generator)
    else:
        found = estimate(table, chosen, generator)
        inference = infer(found.whole, found.left_out, chosen.test, chosen.alternative)
        bounds = None
    return _result(table, chosen, found, inference, bounds, generator)


def _options(given: dict[str, Any], paper: bool) -> Options:
    if not paper:
        return Options.of(**given)
    defaults = {"estimator": "moments", "null": "one", "correction": "holm"}
    for name, value in given.items():
        if name in PAPER and value not in (PAPER[name], defaults.get(name)):
            raise ArgumentError(f"paper=True fixes {name!r}; leave it out or drop paper=True")
    return Options.of(**{**given, **PAPER})


def _within_bounds(
    table: RecallTable, options: Options, limits: Sequence[Estimator], rng: np.random.Generator
) -> tuple[Estimate, Inference, np.ndarray]:
    """Without joint correctness: the limits of alpha, and the less significant end's test."""
    seed = int(rng.integers(2**62))
    ends = [
        estimate(table, replace(options, estimator=limit), np.random.default_rng(seed))
        for limit in limits
    ]
    tests = [infer(end.whole, [], options.test, options.alternative) for end in ends]
    bounds = np.array([end.whole.ratio.value for end in ends])
    deviations = np.array([test.deviation for test in tests])
    worst = np.argmax(np.nan_to_num([test.pvalue for test in tests], nan=1.0), axis=0)
    spans = (deviations.min(0) <= 0) & (deviations.max(0) >= 0)
    rows = np.arange(len(worst))

    def at_worst(name: str) -> np.ndarray:
        return np.array([getattr(test, name) for test in tests])[worst, rows]

    pvalue = np.where(spans & (options.alternative == "two-sided"), 1.0, at_worst("pvalue"))
    inference = Inference(
        at_worst("deviation"),
        at_worst("standard_error"),
        tests[0].df,
        at_worst("statistic"),
        pvalue,
    )
    return ends[1], inference, bounds


def _result(
    table: RecallTable,
    options: Options,
    found: Estimate,
    inference: Inference,
    bounds: np.ndarray | None,
    rng: np.random.Generator,
) -> IntensificationResult:
    known = np.array([ratio not in found.reasons for ratio in table.ratios])
    value = found.whole.ratio.value if bounds is None else np.full(len(known), np.nan)
    reference = found.whole.reference_value
    if table.identical.any():
        # a null that predicts recalls would differ by the rounding of its own correction
        if bounds is None:
            reference = np.where(table.identical, found.whole.ratio.value, reference)
        inference = inference.without_deviation(table.identical)
    untested = _untested(table, options, found, inference)
    same = known & table.identical & (table.n_models >= 2)
    testable = same | ~untested.astype(bool)
    if isinstance(options.null, Control):
        testable &= np.array(table.ratios) != 1.0
    # some copies among different models leave a spread, all together none
    copied = [len(copies_of(table, [row])) for row in range(len(known))]
    spread = testable | (known & (inference.standard_error > 0))
    spread &= testable | (np.array(copied) < table.n_models - 1)
    pvalue = np.where(testable, inference.pvalue, np.nan)
    adjusted = _adjusted(pvalue, options)
    about, drawn = describe(table, options.scale), None
    if options.n_boot and bounds is None:
        draws, share = options.n_boot, options.confidence_level
        drawn = bootstrap_intervals(found.whole.ratio, testable, draws, share, rng)
    return IntensificationResult(
        table=table,
        options=options,
        ratios=table.ratios,
        estimate=np.where(known, value, np.nan),
        bounds=None if bounds is None else np.where(known, bounds, np.nan),
        null_value=np.where(known, reference, np.nan),
        deviation=np.where(testable, inference.deviation, np.nan),
        standard_error=np.where(spread, inference.standard_error, np.nan),
        df=inference.df,
        statistic=np.where(testable, inference.statistic, np.nan),
        pvalue=pvalue,
        pvalue_adjusted=adjusted,
        verdict=verdicts(adjusted, inference.deviation, options.error_rate, table.n_models),
        effect_size=_effect_size(found, testable),
        bootstrap_interval=drawn,
        description=about,
        untested=tuple(untested),
        warnings=_warnings(table, options, untested, bounds is not None, about.reliability),
    )


def _untested(
    table: RecallTable, options: Options, found: Estimate, inference: Inference
) -> np.ndarray:
    """Return why each ratio has no test; "" where it has one."""
    reasons = why_each(table)
    for row, ratio in enumerate(table.ratios):
        if ratio in found.reasons:
            reasons[row] = f"no estimate: {found.reasons[ratio]}"
        elif isinstance(options.null, Control) and ratio == 1:
            reasons[row] = "this is the control arm itself"
        elif not reasons[row] and not np.isfinite(inference.pvalue[row]):
            reasons[row] = SAME_VALUE
    return np.array(reasons, dtype=object)


def _adjusted(pvalue: np.ndarray, options: Options) -> np.ndarray:
    if options.paper and np.isfinite(pvalue).sum() < PAPER_FAMILY:
        return np.minimum(1.0, pvalue * PAPER_FAMILY)
    return adjust(pvalue, options.correction)


def _effect_size(found: Estimate, testable: np.ndarray) -> np.ndarray:
    """Return Hedges' g: deviation / standard deviation over models, times 1 - 3 / (4 df - 1)."""
    models = found.whole.ratio.models
    if models < FEWEST_MODELS:
        return np.full(len(testable), np.nan)
    spread = np.sqrt(models * found.whole.model_variance())
    spread = np.where(testable & (spread > 1e-12), spread, np.nan)
    return found.whole.value / spread * (1 - 3 / (4 * (models - 1) - 1))


def _warnings(
    table: RecallTable,
    options: Options,
    untested: np.ndarray,
    bounded: bool,
    reliability: float,
) -> tuple[str, ...]:
    notes = [
        f"ratio {ratio:g}: {reason}"
        for ratio, reason in zip(table.ratios, untested, strict=True)
        if reason
    ]
    if options.population == "independent" and table.n_models > 1:
        notes.append(
            "counts do not show whether models err on the same images; where images are hard for "
            "all models alike, these intervals are too narrow for new images (95 % intervals held "
            "the truth in 80 to 94 % of simulations with 30 models that share .3 to .6 of what "
            f"makes an image hard): give {PREDICTIONS}"
        )
    if bounded:
        notes.append(
            "joint correctness is unknown, so alpha is known only within bounds (measurement "
            "errors of dense and pruned recalls as alike, or as opposed, as the counts allow); "
            f"p-values are those of the less significant end. For one number give {JOINT}, or "
            f"{PREDICTIONS}"
        )
    if note := chance_note(table):
        notes.append(note)
    models, least = table.n_models, int(table.sizes.min())
    if models < FEWEST_MODELS:
        notes.append(f"{models} model(s): no verdict; at least {FEWEST_MODELS} are needed")
    elif models < _FEW_MODELS:
        notes.append(f"only {models} models: intervals rest on the normal distribution")
    if isinstance(options.estimator, CrossModel) and models < 5:
        notes.append("cross_model should have at least 5 models")
    if (options.center, options.scale.weights) == ("accuracy", "equal") and (
        table.sizes.max() > 1.05 * least
    ):
        notes.append(
            "class sizes differ, so unweighted balances do not sum to 0; the published slope "
            'assumes they do: prefer weights="size" or center="balanced_accuracy"'
        )
    if reliability < 0.7:
        notes.append(
            f"reliability of the dense balances is {reliability:.2f}: uncorrected slopes are badly "
            "diluted and corrected ones uncertain"
        )
    return tuple(notes)
