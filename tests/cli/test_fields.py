"""Options of a command are the fields of its choices: names, types, defaults and words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import tyro

import regions
from regions.choices import options_of
from regions.cli import main
from regions.cli.fields import fields_of, given_fields
from regions.counting.count import ENGINES
from regions.recall import ESTIMATORS
from regions.representations import MEASURES


@dataclass(frozen=True)
class Walk:
    name: ClassVar[str] = "walk"

    steps: int = 3
    """How many
    steps."""
    where: np.ndarray | None = None
    seed: int | np.random.Generator | None = 0


@dataclass(frozen=True)
class Jump:
    steps: int = 1
    gait: Literal["high", "long"] = "high"
    """Which way."""
    heights: Sequence[float] | None = None
    anything: Any = None


WAYS = {"walk": Walk, "jump": Jump, "leap": Jump(gait="long")}


def read(*arguments):
    return tyro.cli(type(fields_of(WAYS)), args=[*arguments])


def test_fields_that_a_word_can_give_are_options():
    found = fields_of(WAYS)
    assert list(vars(found)) == ["steps", "seed", "gait"] and given_fields(found) == {}
    assert given_fields(read("--steps", "5", "--gait", "long")) == {"steps": 5, "gait": "long"}
    assert given_fields(read("--seed", "0")) == {"seed": 0}
    assert "seed" not in vars(fields_of(WAYS, without=("seed",)))


def test_what_is_no_value_of_a_field_is_refused(capsys):
    for words in (("--steps", "many"), ("--gait", "low"), ("--where", "1")):
        with pytest.raises(SystemExit):
            read(*words)
    capsys.readouterr()


def test_help_says_whose_they_are_and_what_else_holds(capsys):
    with pytest.raises(SystemExit):
        read("--help")
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "How many steps. Of walk (3), jump (1), leap (1)." in text
    assert "Which way. Of jump (high), leap (long)." in text


@pytest.mark.parametrize("registry", [ENGINES, MEASURES, ESTIMATORS])
def test_options_of_the_registries_are_fields_of_their_choices(registry):
    known = {word for choice in registry.values() for word in options_of(choice)}
    assert set(vars(fields_of(registry))) <= known


def test_a_field_reaches_the_choice(tmp_path, capsys):
    dense, pruned = [[912, 962, 865], [903, 959, 858], [916, 970, 838]], [[815, 937, 689]] * 3
    table = regions.RecallTable.from_counts(dense, {50: pruned}, n=1000, k_both={50: pruned})
    path = tmp_path / "recalls.csv"
    table.to_frame().to_csv(path, index=False)
    command = ["recall", str(path), "--analyses", "corrected", "--json", "--estimator"]
    assert main([*command, "split_half", "--splits", "3"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    expected = regions.intensification(table, "split_half", splits=3)
    assert found["rows"][0]["estimate"] == expected.estimate[0]
    assert main([*command, "ols", "--splits", "3"]) == 1
    assert "'ols' does not know the option(s) splits" in capsys.readouterr().err
