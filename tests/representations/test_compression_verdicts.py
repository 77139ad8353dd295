"""The rules that turn the study's numbers into verdicts."""

import pandas as pd
import pytest

from analyses.compression_verdicts import verdicts


def rows(similarity, accuracy):
    """Three seeds of one model with two layers, with the arms' values plus a little noise."""
    found = []
    for seed in range(3):
        for (arm, density), value in similarity.items():
            for layer in ("relu1", "relu2"):
                found.append(
                    {
                        "kind": "layer",
                        "model": "mlp",
                        "seed": seed,
                        "arm": arm,
                        "density": density,
                        "layer": layer,
                        "value": value + 0.001 * seed,
                        "accuracy": accuracy[arm] + 0.001 * seed * (arm == "random"),
                    }
                )
    return pd.DataFrame(found)


ACCURACY = {
    "dense": 0.9,
    "other": 0.9,
    "finetuned": 0.9,
    "finetuned_other": 0.9,
    "reinitialised": 0.8,
    "random": 0.8,
}


def similarities(finetuned):
    return {
        ("dense", 1.0): 1.0,
        ("other", 1.0): 0.5,
        ("finetuned", 0.2): finetuned,
        ("finetuned_other", 0.2): 0.4,
        ("reinitialised", 0.2): 0.5,
        ("random", 0.2): 0.5,
    }


@pytest.mark.parametrize(
    ("finetuned", "accuracy", "expected"),
    [
        (0.5, 0.9, "supported"),
        (0.7, 0.9, "partly"),
        (0.9, 0.9, "not supported"),
        (0.5, 0.85, "not at equal accuracy"),
        # the means alone would say supported and partly
        (0.54985, 0.9, "partly"),
        (0.7494, 0.9, "open"),
    ],
)
def test_drift_is_measured_against_another_seed(finetuned, accuracy, expected):
    table = verdicts(rows(similarities(finetuned), {**ACCURACY, "finetuned": accuracy}))
    drift = table.loc[table["number"] == "drift"].iloc[0]
    assert drift["mean"] == pytest.approx((1 - finetuned) / 0.5, abs=0.01)
    assert drift["verdict"] == expected


@pytest.mark.parametrize(
    ("random", "reinitialised", "start", "structure"),
    [
        (0.895, 0.895, "supported", "supported"),
        (0.8, 0.9, "contradicted", "contradicted"),
        (0.88, 0.9, "open", "open"),
    ],
)
def test_accuracies_are_judged_by_their_intervals(random, reinitialised, start, structure):
    accuracy = {**ACCURACY, "random": random, "reinitialised": reinitialised}
    table = verdicts(rows(similarities(0.9), accuracy)).set_index("number")["verdict"]
    assert (table["sparse_start"], table["structure"]) == (start, structure)
    assert table["identity"] == "holds"
