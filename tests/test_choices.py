"""A name with options is the object that holds them; anything else is refused by name."""

from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from regions.choices import check_name, check_options, choose, options_of
from regions.counting import ENGINES
from regions.errors import ArgumentError
from regions.representations.registry import MEASURES


@dataclass(frozen=True)
class Walk:
    name: ClassVar[str] = "walk"
    steps: int = 3
    seed: int = field(default=0, init=False)


@dataclass(frozen=True)
class Jump:
    height: float
    width: float = 1.0


REGISTRY = {"walk": Walk, "jump": Jump, "high": Jump(9.0)}


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        ("walk", {}, Walk()),
        ("walk", {"steps": 5}, Walk(5)),
        ("jump", {"height": 2.0}, Jump(2.0)),
        ("high", {}, Jump(9.0)),
        ("high", {"width": 2.0}, Jump(9.0, 2.0)),
        (Walk(7), None, Walk(7)),
        (Jump(1.0), {"width": 4.0}, Jump(1.0, 4.0)),
    ],
)
def test_a_name_with_options_is_the_choice_that_holds_them(given, options, expected):
    assert choose("way", given, REGISTRY, options) == expected


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ("wlak", {}, r"way is 'wlak'; choose one of walk, jump, high \(did you mean 'walk'\?\)$"),
        ("zzz", {}, "choose one of walk, jump, high$"),
        (3, {}, "way is 3; choose one of"),
        (Walk, {}, "way is <class"),
        (["walk"], {}, "choose one of"),
        ("walk", {"step": 1}, r"'walk' does not know .* step; .*: steps \(did you mean 'steps'"),
        ("walk", {"seed": 1}, "option.* seed; its options are: steps"),
        (Walk(), {"name": 1}, "Walk does not know the option.* name"),
        ("jump", {}, r"way 'jump' needs the option\(s\) height"),
    ],
)
def test_what_is_no_choice_is_refused_with_the_known_ones(given, options, words):
    with pytest.raises(ArgumentError, match=words):
        choose("way", given, REGISTRY, options)


def test_words_of_the_caller_are_listed_but_are_no_choice():
    with pytest.raises(ArgumentError, match="choose one of auto, walk"):
        choose("way", "best", REGISTRY, words=("auto",))
    with pytest.raises(ArgumentError, match="choose one of auto, walk"):
        choose("way", "auto", REGISTRY, words=("auto",))
    with pytest.raises(ArgumentError, match="beside them: pace"):
        choose("way", "walk", REGISTRY, {"pase": 1}, beside=("pace",))


def test_objects_of_a_base_are_choices_though_no_registry_names_them():
    class Swim(Walk):
        pass

    assert choose("way", Swim(2), {"jump": Jump}, base=Walk) == Swim(2)
    with pytest.raises(ArgumentError, match="way is"):
        choose("way", Swim(2), {"jump": Jump})


def test_names_and_options_alone():
    check_name("mode", "a", ("a", "b"))
    with pytest.raises(ArgumentError, match=r"mode is 'c'; choose one of a, b$"):
        check_name("mode", "c", ("a", "b"))
    check_options("mode 'a'", (), ())
    with pytest.raises(ArgumentError, match=r"mode 'a' does not know .* x; its options are: none$"):
        check_options("mode 'a'", ("x",), ())


@pytest.mark.parametrize("registry", [ENGINES, MEASURES], ids=["engines", "measures"])
def test_the_registries_hold_choices_by_their_own_names(registry):
    for name in registry:
        chosen = choose("choice", name, registry)
        assert chosen.name == name
        assert vars(choose("choice", chosen, registry)) == vars(chosen)
        assert type(chosen).__dataclass_params__.frozen
        assert set(options_of(chosen)) == set(vars(chosen))
