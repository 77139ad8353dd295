"""What an `IntensificationResult` says in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.recall.inference import CORRECTIONS, FEWEST_MODELS, TESTS
from regions.recall.options import PAPER_FAMILY, POPULATIONS, Options
from regions.recall.sample import untouched

VERDICTS = {"<": "below", ">": "above", "?": "not separable from"}
KEY = "of the adjusted p: > above, < below, ? not separable from"
_PLAIN = {
    ">": "Classes of low recall lost more than the others",
    "<": "Classes of low recall lost less than the others",
    "?": "No difference between classes of low and of high recall was established",
}


def sentences(result: Any) -> list[str]:
    """Return one plain sentence per ratio; see `IntensificationResult.plain`."""
    null, said = result.options.null, []
    beside = "" if null.name == "one" else f", against the null: {null.words}"
    models = f"{result.n_models} model{'' if result.n_models == 1 else 's'}"
    for row, ratio in enumerate(result.ratios):
        why = result.untested[row]
        if result.identical[row]:
            said.append(f"At {ratio:g}x nothing changed: {untouched(result.table)}.")
        elif result.n_models < FEWEST_MODELS:
            said.append(
                f"At {ratio:g}x, with {models}, nothing can be said about classes of low recall."
            )
        elif why:
            said.append(f"At {ratio:g}x nothing can be said about classes of low recall: {why}.")
        else:
            said.append(f"{_PLAIN[result.verdict[row]]} at {ratio:g}x{beside}.")
    return said


def described(result: Any) -> str:
    """Return the verdicts in words, what they rest on, and warnings."""
    about = ", ".join(f"{key} {value}" for key, value in result.table.setting.items())
    size = f"{result.n_models} models, {result.n_classes} classes"
    how = "as published" if result.options.paper else f"by {result.options.estimator.name}"
    heading = f"Recall intensification {how}: " + "; ".join([*filter(None, [about]), size])
    # why a ratio has no test stands in its line
    notes = result.warnings[sum(map(bool, result.untested)) :]
    lines = [_line(result, row) for row in range(len(result.ratios))]
    return "\n".join([heading, *lines, *_basis(result), *(f"Note: {note}" for note in notes)])


def bounds_in_words(result: Any) -> list[str]:
    """Return from which to which alpha each ratio's bounds reach; "" where they are unknown."""
    bounds = result.bounds
    if bounds is None:
        return [""] * len(result.ratios)
    return [
        f"[{low:.4g}, {high:.4g}] bounds" if np.isfinite(low + high) else ""
        for low, high in zip(bounds.min(0), bounds.max(0), strict=True)
    ]


def _line(result: Any, row: int) -> str:
    why, start = result.untested[row], f"  ratio {result.ratios[row]:g}: "
    alpha = f"alpha {_alpha(result, row)}"
    if result.identical[row]:
        if why.startswith("no estimate"):
            return f"{start}{untouched(result.table)}: there is nothing to test; {why}"
        known = "alpha is 1" if result.bounds is None else f"{alpha} (1 if it is the same images)"
        return f"{start}{untouched(result.table)}: {known} and there is nothing to test"
    if why:
        return f"{start}{alpha}, no interval and no test: {why}"
    interval, verdict = result.confidence_interval(), result.verdict[row]
    return (
        f"{start}{alpha} [{interval.low[row]:.4f}, {interval.high[row]:.4f}], null "
        f"{result.null_value[row]:.4f}, adjusted p {result.pvalue_adjusted[row]:.2g}: {verdict} "
        f"({VERDICTS[verdict]} the null)"
    )


def _alpha(result: Any, row: int) -> str:
    if np.isfinite(result.estimate[row]):
        return f"{result.estimate[row]:.4f}"
    if result.bounds is not None and np.isfinite(result.bounds[:, row]).all():
        bounds = result.bounds[:, row]
        return f"between {bounds.min():.4f} and {bounds.max():.4f}"
    return "unknown"


def _basis(result: Any) -> list[str]:
    options, known = result.options, np.isfinite(result.reliability)
    correction = corrected(options, int(np.isfinite(result.pvalue).sum()))
    how = "mean over models" if options.estimator.averaged else "ratio of sums over models"
    reliability = (
        f"{result.reliability:.3f}"
        if known
        else "unknown, as dense recalls do not differ, or an accuracy is 0"
    )
    return [
        f"Sample unit: one trained model. Population, whose alpha the intervals cover: "
        f"{POPULATIONS[str(options.population)]}.",
        f"Estimator: {options.estimator.words}, {how}. Null: {options.null.words}.",
        f"Test: {TESTS[options.test][0]}, {options.alternative}; intervals of level "
        f"{options.confidence_level:.4g}, each for its ratio alone; {correction}",
        f"Verdicts at level {options.error_rate:.4g} {KEY} the null.",
        "Reliability of the dense balances (the share of their spread that is no measurement "
        f"noise): {reliability}.",
        "Pairing: each pruned network with its own dense network; all ratios share the dense "
        "networks.",
    ]


def corrected(options: Options, ratios: int) -> str:
    """Return what p-values of so many tested ratios are adjusted for, in a sentence or two."""
    name = CORRECTIONS[options.correction][0]
    if not ratios:
        return f"{name} correction: no ratio is tested."
    family = max(ratios, PAPER_FAMILY) if options.paper else ratios
    counted = f"{family} ratio{'' if family == 1 else 's'}"
    said = {
        "none": "p-values are those of each ratio alone, so among many ratios some are small by "
        "chance.",
        "bh": "adjusted p keeps the expected share of false verdicts among all < and > below the "
        "level.",
    }.get(
        options.correction,
        "adjusted p counts that each ratio is a chance of a false verdict: below the level, the "
        "chance of any false verdict is at most that level.",
    )
    always = " (those of the published study, also for a table of fewer)" if options.paper else ""
    return f"{name} correction over {counted}{always}: {said}"
