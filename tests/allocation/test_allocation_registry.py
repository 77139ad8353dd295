"""An objective's name with options and the objective that holds them are the same call."""

import pytest

import regions
from regions.allocation import OBJECTIVES, RULES, Objective, Rule
from regions.choices import options_of
from regions.errors import ArgumentError

REGISTRY = {**OBJECTIVES, **RULES}
VALUES = {"masks": "random", "draws": 3, "dim": 2, "count_output": False, "rank": "mean",
          "samples": 5}  # fmt: skip


def test_every_option_is_tried_here():
    assert set(VALUES) == {name for kind in REGISTRY.values() for name in options_of(kind)}


@pytest.mark.parametrize("name", REGISTRY)
def test_names_with_options_are_objects(name, pairs):
    model, kind = pairs([9, 6, 4]), REGISTRY[name]
    options = {option: VALUES[option] for option in options_of(kind)}
    how = {"weights": 30, "rng": 1, "max_evaluations": 20, "prune_output": True}
    found = regions.allocate(model, objective=name, **how, **options)
    assert found == regions.allocate(model, objective=kind(**options), **how)
    assert found.objective == name == kind.name
    assert issubclass(kind, Objective if name in OBJECTIVES else Rule)


def test_other_options_are_another_call():
    """Control: an option that is passed on changes the value."""
    values = [
        regions.allocate([9, 6, 4], 0.3, OBJECTIVES["expected"](dim=dim)).value for dim in (1, 9)
    ]
    assert values[0] < values[1]


def test_functions_are_called_with_their_options():
    def nearest(densities, goal):
        return -abs(densities["layer1"] - goal)

    found = regions.allocate([10, 10, 10, 2], 0.3, nearest, goal=0.4)
    assert found.densities["layer1"] == pytest.approx(0.4) and found.objective == "nearest"


def test_what_is_no_choice_is_refused():
    for wrong in (OBJECTIVES["rows"], 3, "row"):
        with pytest.raises(ArgumentError, match=r"objective is .* choose one of effective"):
            regions.allocate([9, 6, 4], 0.3, wrong)
    with pytest.raises(ArgumentError, match=r"'uniform' does not know .* its options are: none"):
        regions.allocate([9, 6, 4], 0.3, "uniform", draws=3)
