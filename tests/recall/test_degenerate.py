"""Every verb on every degenerate table: a reason in place of NaN, no p-value of nothing."""

import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from degenerate_tables import COUNTS, FORMS, UNTESTED, table_of

import regions
from regions import recall
from regions.documents import as_html, as_latex, as_markdown
from regions.errors import RegionsError
from regions.recall import ESTIMATORS, NULLS

matplotlib.use("Agg")

VERBS = {
    **{
        f"intensification, {name}": lambda t, name=name: recall.intensification(t, name)
        for name in ESTIMATORS
    },
    **{
        f"intensification, {name}": lambda t, name=name: recall.intensification(t, null=name)
        for name in NULLS
        if name != "control"
    },
    "intensification, signs": lambda t: recall.intensification(t, "ols", test="sign_flip"),
    "intensification, ranks": lambda t: recall.intensification(t, test="wilcoxon", n_boot=20),
    "intensification, paper": lambda t: recall.intensification(t, paper=True),
    "trend": recall.trend,
    "trend, ols": lambda t: recall.trend(t, "ols"),
    "break_even": recall.break_even,
    "break_even, ols": lambda t: recall.break_even(t, "ols"),
    "dose_response": recall.dose_response,
    "class_intensification": recall.class_intensification,
    "class_intensification, images": lambda t: recall.class_intensification(t, "test_set"),
    "compare_intensification": lambda t: recall.compare_intensification(
        t, table_of("lively", "counts")
    ),
    "compare_intensification, itself": lambda t: recall.compare_intensification(t, t),
    "compare_intensification, ols": lambda t: recall.compare_intensification(
        t, table_of("lively", "predictions"), estimator="ols"
    ),
    "equivalence": lambda t: recall.equivalence(t, 0.5),
    "equivalence, ols": lambda t: recall.equivalence(t, 0.5, estimator="ols"),
    "churn": recall.churn,
    "class_impact": recall.class_impact,
    "dispersion": recall.dispersion,
    "excess_loss": recall.excess_loss,
    "exemplars": recall.exemplars,
    "rank_stability": recall.rank_stability,
    "worst_class": recall.worst_class,
    "report": lambda t: recall.report(t.to_frame()),
}  # fmt: skip
# verb -> tables in which what it looks at varies: images of single models, the other arm, recalls
# that are not divided by an accuracy
VARYING = {
    "churn": UNTESTED,
    "compare_intensification": ("identical", "identical, two models"),
    "compare_intensification, ols": ("identical", "identical, two models"),
    "class_impact": ("pruned all 0", "constant but of each model"),
}
FEW = ("lively", "all 0", "copies", "duplicates", "identical", "two models", "two images a class")


def _texts(found, printed=False, drawn=False):
    """Return all that a result shows, by the name of the form; pictures are slow."""
    if isinstance(found, pd.DataFrame):
        return {"frame": found.to_csv()}
    texts = {"summary": found.summary(), "frame": found.to_frame().to_csv()}
    if hasattr(found, "plain"):
        texts["plain"] = "\n".join(found.plain())
    if printed:
        texts |= {"markdown": as_markdown(found), "latex": as_latex(found)}
    if drawn:
        texts["html"] = as_html(found)
    return texts


def _pvalues(found):
    """Return all p-values, and those that are not adjusted among them."""
    frame = found if isinstance(found, pd.DataFrame) else found.to_frame()
    values = [frame[name].to_numpy(float) for name in frame.columns if "pvalue" in name]
    names = ("pvalue", "page_pvalue", "friedman_pvalue", "pvalue_of_models")
    values += [np.atleast_1d(getattr(found, name, np.nan)) for name in names]
    return np.concatenate([np.asarray(part, dtype=float).ravel() for part in values])


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("form", FORMS)
def test_every_verb_gives_reasons_or_refuses(verb, form):
    for name in COUNTS if form == "joint" else FEW:
        table = table_of(name, form)
        try:
            found = VERBS[verb](table)
        except RegionsError as error:
            assert len(str(error)) > 20 and "nan" not in str(error), name
            continue
        printed = verb == "report" and name in (*FEW, "identical at one ratio")
        for kind, text in _texts(found, printed, printed and form == "joint").items():
            assert not re.search(r"\bnan\b", text, re.IGNORECASE), (name, kind, text)
        pvalues = _pvalues(found)
        if name in UNTESTED and name not in VARYING.get(verb, ()):
            # identical networks differ by nothing, surely: 1
            known = pvalues[np.isfinite(pvalues)]
            assert (known == 1).all() and ("identical" in name or not known.size), (name, pvalues)


SPEAKING = ("intensification, ols", "trend, ols", "dose_response", "equivalence, ols")


@pytest.mark.parametrize("verb", [*SPEAKING, "class_intensification, images"])
def test_what_varies_is_tested(verb):
    for form in FORMS:
        assert np.isfinite(_pvalues(VERBS[verb](table_of("lively", form)))).any()


@pytest.mark.parametrize("verb", ["trend, ols", "dose_response"])
@pytest.mark.parametrize("name", ["identical", "copies"])
def test_texts_say_why(verb, name):
    text = VERBS[verb](table_of(name, "joint")).summary()
    why = "right on the same images" if name == "identical" else "copies of one model"
    assert "no interval and no test: " in text and why in text


def test_models_of_one_value_have_no_interval():
    # the counts differ, the slopes do not: nothing is known of further models
    table = table_of("same slope", "counts")
    result = recall.intensification(table, "ols")
    assert np.isnan([result.pvalue, result.standard_error, result.confidence_interval().low]).all()
    assert "all models give the same value" in result.summary()
    assert "all models give the same value" in result.plain()[0]
    assert "all models give the same value" in recall.dose_response(table).summary()
    for estimator in ("wilcoxon", "sign_flip"):
        assert np.isnan(recall.intensification(table, "ols", test=estimator).pvalue).all()
    # and on images that are sampled too
    predicted = table_of("same slope", "predictions")
    found = recall.intensification(predicted, "ols", population="examples")
    assert np.isnan(found.pvalue).all()


def test_some_copies_are_named_and_not_counted():
    lively = table_of("lively", "predictions")
    dense, pruned = lively.predictions.dense, lively.predictions.pruned
    rows = [0, 1, 2, 3, 3]
    labels, parts = lively.predictions.labels, dict(zip((2, 4, 8), pruned[:, rows], strict=True))
    table = regions.RecallTable.from_predictions(labels, dense[rows], parts)
    for found in (recall.intensification(table, "ols"), recall.trend(table, "ols")):
        assert "1 of 5 models are copies of others (the same predictions: 4)" in found.summary()
    assert np.isnan(recall.class_intensification(table)["pvalue"]).all()
    assert np.isfinite(recall.intensification(lively, "ols").pvalue).all()
    # an image that one copy alone gets wrong, and they are two networks
    other = dense[rows].copy()
    other[4, 0] = (other[4, 0] + 1) % 3
    table = regions.RecallTable.from_predictions(labels, other, parts)
    assert np.isfinite(recall.intensification(table, "ols").pvalue).all()


def test_undefined_alpha_of_identical_networks_is_not_1():
    for name in ("all 0", "all 1"):
        text = recall.intensification(table_of(name, "joint"), "ols").summary()
        assert "alpha is 1" not in text and "no estimate" in text
    assert "alpha is 1" in recall.intensification(table_of("identical", "joint"), "ols").summary()


def test_two_models_have_their_own_reason():
    dense = np.array([[590, 500, 350], [580, 530, 480]])

    def table_with(models):
        rows = np.resize([0, 1], models)
        return regions.RecallTable.from_counts(
            dense[rows], {2: dense[rows] - 20}, 600, {2: dense[rows] - 20}
        )

    table, more = table_with(2), table_with(8)
    assert np.isfinite(recall.intensification(more).estimate[0])
    text = recall.intensification(table).summary()
    assert "two models do not tell" in text and "one degree of freedom" in text


def test_one_class_and_one_image_are_refused():
    with pytest.raises(RegionsError, match="at least 2 classes"):
        regions.RecallTable.from_counts([[5]], {2: [[4]]}, 10)
    with pytest.raises(RegionsError, match="1 test image"):
        regions.RecallTable.from_counts([[1, 1]], {2: [[1, 0]]}, 1)
