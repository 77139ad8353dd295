"""Every option of every public function of the room, given hostile values: an error of its own."""

import inspect

import matplotlib
import numpy as np
import pandas as pd
import pytest
from degenerate_tables import table_of
from hostile import taken

import regions
from regions import recall
from regions.errors import ArgumentError

matplotlib.use("Agg")

TABLE, PREDICTED = table_of("lively", "joint"), table_of("lively", "predictions")
RESULT = recall.intensification(TABLE, "ols")
COMPARED = recall.compare_intensification(TABLE, TABLE)
COUNTS = {"k_dense": TABLE.dense, "k_pruned": {2: TABLE.pruned[0]}, "n": 20}
IMAGES = {
    "y_true": PREDICTED.predictions.labels,
    "dense": PREDICTED.predictions.dense,
    "pruned": {2: PREDICTED.predictions.pruned[0]},
}
PARTS = {
    name: getattr(TABLE, name) for name in ("ratios", "classes", "sizes", "dense", "pruned", "both")
}
ANALYSIS = dict.fromkeys(
    ("estimator", "null", "correction", "center", "weights", "population", "alternative", "test",
     "confidence_level", "groups", "n_boot", "aggregate", "splits", "paper", "rng")
)  # fmt: skip
SHORT = dict.fromkeys(
    ("estimator", "center", "weights", "population", "groups", "aggregate", "correction")
)
# function -> what it needs, and the options beside it that are not in its signature
CALLS = {
    "gini": (recall.gini, {"values": [1.0, 2.0]}, {}),
    "logit_shift": (recall.logit_shift, {"recall": [0.5, 0.9], "accuracy": 0.5}, {}),
    "replicates": (recall.replicates, {"sd": 1.0, "delta": 1.0}, {}),
    "intensification": (recall.intensification, {"table": TABLE}, ANALYSIS),
    "equivalence": (recall.equivalence, {"table": TABLE, "margin": 0.5}, ANALYSIS),
    "trend": (recall.trend, {"table": TABLE}, SHORT),
    "break_even": (recall.break_even, {"table": TABLE}, SHORT),
    "compare": (recall.compare_intensification, {"a": TABLE, "b": TABLE}, SHORT),
    "report": (recall.report, {"source": TABLE.to_frame()}, ANALYSIS),
    "class_intensification": (recall.class_intensification, {"table": PREDICTED}, {}),
    "find_exemplars": (recall.find_exemplars, {"table": PREDICTED, "ratio": 2}, {}),
    **{
        name: (getattr(recall, name), {"table": PREDICTED}, {})
        for name in ("churn", "class_impact", "dispersion", "dose_response", "excess_loss",
                     "exemplars", "rank_stability", "worst_class")
    },
    "plot_balances": (recall.plot_balances, {"result": RESULT, "ratio": 2}, {}),
    "plot_classes": (recall.plot_classes, {"table": TABLE, "ratio": 2}, {}),
    "plot_intensification": (recall.plot_intensification, {"result": RESULT}, {"dodge": None}),
    "select": (TABLE.select, {"ratios": [2]}, {}),
    "from_frame": (regions.RecallTable.from_frame, {"frame": TABLE.to_frame()}, {}),
    "from_counts": (regions.RecallTable.from_counts, COUNTS, {}),
    "from_predictions": (regions.RecallTable.from_predictions, IMAGES, {}),
    "RecallTable": (regions.RecallTable, PARTS, {}),
    "confidence_interval": (RESULT.confidence_interval, {}, {}),
    "to_frame": (RESULT.to_frame, {}, {}),
    "plot": (RESULT.plot, {}, {}),
    "confidence_interval of a difference": (COMPARED.confidence_interval, {}, {}),
    "report.plot": (recall.report(TABLE.to_frame()).plot, {}, {}),
    "OLS": (recall.OLS, {}, {}),
    "SplitHalf": (recall.SplitHalf, {}, {}),
}  # fmt: skip
# what is right although it is hostile elsewhere, by function and argument, or by argument
RIGHT = {
    ("replicates", "delta"): ("-1", "2.5"), ("replicates", "sd"): ("2.5",),
    ("replicates", "noise"): ("0", "2.5"), ("equivalence", "margin"): ("2.5",),
    ("plot_intensification", "dodge"): ("2.5",), ("plot", "dodge"): ("2.5",),
    "label": ("text", "open bracket"), ("RecallTable", "both"): ("None",),
    ("RecallTable", "setting"): ("mapping",), ("logit_shift", "accuracy"): ("0",),
    ("SplitHalf", "splits"): ("huge",), ("compare", "groups"): (), ("report", "paper"): (),
    ("equivalence", "n_boot"): (), "n_boot": ("0",), "groups": ("huge",), "rng": ("0", "huge"),
    **dict.fromkeys(("two_sample", "paper", "paired", "simultaneous", "brief", "show_null"),
                    ("True",)),
}  # fmt: skip
# None is "not given" for these
OPTIONAL = (
    "rng", "weights", "population", "groups", "aggregate", "k_both", "model_ids", "classes",
    "labels", "confidence_level", "ax", "label", "both", "predictions",
)  # fmt: skip
# foreign by design, or not for users
SKIPPED = ("kwargs", "options", "unused")


def _cases():
    for name, (function, needed, beside) in CALLS.items():
        words = [*inspect.signature(function).parameters, *beside]
        for word in dict.fromkeys(word for word in words if word not in SKIPPED):
            yield pytest.param(function, needed, word, name, id=f"{name}({word})")


@pytest.mark.parametrize(("function", "needed", "word", "name"), list(_cases()))
def test_hostile_values(function, needed, word, name):
    function(**needed)
    right = set(RIGHT.get((name, word), RIGHT.get(word, ())))
    leave_out = ("None",) if word in OPTIONAL and word not in needed else ()
    assert taken(function, needed, word, leave_out) == right
    matplotlib.pyplot.close("all")


def test_every_public_function_is_asked():
    functions = {name for name in recall.__all__ if inspect.isfunction(getattr(recall, name))}
    asked = {getattr(function, "__name__", "") for function, _, _ in CALLS.values()}
    assert functions <= asked


def test_masked_entries_are_refused_and_whole_ones_taken():
    hidden = np.ma.array(TABLE.dense, mask=np.zeros(TABLE.dense.shape, bool))
    whole = regions.RecallTable.from_counts(hidden, {2: TABLE.pruned[0]}, 20)
    assert (whole.dense == TABLE.dense).all()
    hidden[0, 0] = np.ma.masked
    rows = [hidden[row] for row in range(len(hidden))]
    for given in (hidden, rows, tuple(rows)):
        with pytest.raises(ArgumentError, match="masked"):
            regions.RecallTable.from_counts(given, {2: TABLE.pruned[0]}, 20)
        with pytest.raises(ArgumentError, match="masked"):
            regions.RecallTable.from_counts(TABLE.dense, {2: given}, 20)
    images = np.ma.array(IMAGES["dense"], mask=IMAGES["dense"] == 0)
    for change in ({"dense": images}, {"pruned": {2: images}}, {"y_true": images[0]}):
        with pytest.raises(ArgumentError, match="masked"):
            regions.RecallTable.from_predictions(**{**IMAGES, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratios": (8, 4, 2)}, "ascend"),
        ({"ratios": (2, 2, 4)}, "each once"),
        ({"dense": TABLE.dense + 10}, "must lie in 0..20"),
        ({"dense": TABLE.dense / 20}, "not recalls"),
        ({"pruned": TABLE.pruned[:2]}, "expected \\(3, 4, 3\\)"),
        ({"both": TABLE.both * 0}, "must lie in"),
        ({"sizes": TABLE.sizes * 0}, "at least 2 are"),
        ({"classes": ("cat", "dog", "cat")}, "'cat' is there twice"),
        ({"model_ids": ("a", "b", "c", "a")}, "'a' is there twice"),
        ({"predictions": table_of("identical", "predictions").predictions}, "do not give the"),
        ({"setting": "MP"}, "mapping"),
    ],
)
def test_a_table_made_by_hand_is_checked_as_any(change, message):
    made = regions.RecallTable(**PARTS)
    assert made.summary() == TABLE.summary() and made.model_ids == TABLE.model_ids
    with pytest.raises(ArgumentError, match=message):
        regions.RecallTable(**{**PARTS, **change})


def test_names_of_classes_are_distinct():
    for given in (["cat", "cat", "dog"], "cat"):
        with pytest.raises(ArgumentError, match="class names"):
            regions.RecallTable.from_counts(**COUNTS, classes=given)
        with pytest.raises(ArgumentError, match="class names"):
            regions.RecallTable.from_predictions(**IMAGES, classes=given)


@pytest.mark.parametrize("option", ["null", "alternative", "test", "n_boot", "paper"])
def test_options_that_a_verb_has_no_use_for_are_refused(option):
    values = {"null": "flips", "alternative": "less", "test": "t", "n_boot": 9, "paper": True}
    value = values[option]
    verbs = (recall.trend, recall.break_even)
    if option != "alternative":
        verbs += (lambda table, **given: recall.compare_intensification(table, table, **given),)
    for verb in verbs:
        with pytest.raises(ArgumentError, match=f"has no option '{option}'"):
            verb(TABLE, **{option: value})


def test_columns_that_nobody_reads_are_said_once():
    frame = TABLE.to_frame().rename(columns={"correct_both": "both_right"})
    doubled = pd.concat([frame.assign(algorithm=name) for name in ("MP", "GP")])
    found = recall.report(doubled.assign(date="today"))
    assert found.unused == ("both_right", "date")
    assert found.summary().count("not used: both_right, date") == 1
    assert "correct_both, the images that both networks get right" in found.summary()
    assert regions.RecallTable.from_frame(frame).unused == ("both_right",)
    # k_both is what from_counts calls it
    other = TABLE.to_frame().rename(columns={"correct_both": "k_both"})
    assert (regions.RecallTable.from_frame(other).both == TABLE.both).all()
    assert "not used" not in recall.report(other).summary()
