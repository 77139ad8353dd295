"""A criterion's name with options and the criterion that holds them are the same call."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

import regions
from regions.choices import options_of
from regions.errors import ArgumentError
from regions.pruning import CRITERIA, METHODS, Criterion, Method
from regions.pruning.criteria.random import Random
from regions.pruning.criteria.snip import SNIP

REGISTRY = {**CRITERIA, **METHODS}
RNG = np.random.default_rng(0)
VALUES = {
    "inputs": RNG.normal(size=(24, 6)),
    "labels": np.arange(24) % 3,
    "weight_decay": 0.1,
    "gradient": "regularised",
    "temperature": 2.0,
    "rounds": 3,
    "block": (2, 3),
    "batch_norm": "running",
    "budget": "layer",
    "paths": 4,
    "time_limit": 600.0,
    "score": "mean",
    "order": "energy",
    "refit": True,
    "imitation": "global",
    "rule": "average",
    "start": "zero",
    "candidates": 2,
}


def test_every_option_is_tried_here():
    assert set(VALUES) == {name for kind in REGISTRY.values() for name in options_of(kind)}


@pytest.mark.parametrize("name", REGISTRY)
def test_names_with_options_are_objects(name, mlp):
    model, kind = mlp([6, 5, 4, 3]).double(), REGISTRY[name]
    options = {option: VALUES[option] for option in options_of(kind)}
    densities = {"0": 0.5, "2": 0.5}
    one = regions.prune(model, densities, name, **options)
    two = regions.prune(model, densities, kind(**options))
    first = dict(list(options.items())[:1])
    three = regions.prune(model, densities, kind(**options), **first)
    assert one == two == three and one.repaired.keys() == two.repaired.keys()


@pytest.mark.parametrize("name", REGISTRY)
def test_choices_are_frozen_and_named_once(name):
    kind = REGISTRY[name]
    assert kind.name == name and issubclass(kind, Criterion if name in CRITERIA else Method)
    choice = kind(**{option: VALUES[option] for option in options_of(kind)})
    for field in fields(choice):
        with pytest.raises(FrozenInstanceError):
            setattr(choice, field.name, None)


def test_other_options_are_another_call(pairs):
    """Control: an option that is passed on changes the masks."""
    model = pairs([6, 5, 4])
    masks = [regions.prune(model, 0.4, REGISTRY["blocks"](block)) for block in (1, 4)]
    assert masks[0] != masks[1]
    assert regions.prune(model, 0.4, Random(), rng=1) != regions.prune(model, 0.4, "random", rng=2)


def test_functions_find_their_options_in_the_request(pairs):
    def scores(request):
        return {name: request.options["sign"] * np.abs(w) for name, w in request.weights.items()}

    model = pairs([6, 5, 4])
    assert regions.prune(model, 0.4, scores, sign=1) == regions.prune(model, 0.4)
    assert regions.prune(model, 0.4, scores, sign=-1) != regions.prune(model, 0.4)


def test_what_is_no_choice_is_refused(pairs):
    model, message = pairs([6, 5, 4]), "criterion is .* choose one of gradient, grasp"
    for wrong in (SNIP, 3, "snipp"):
        with pytest.raises(ArgumentError, match=message):
            regions.prune(model, 0.4, wrong)
    with pytest.raises(ArgumentError, match=r"Random does not know the option\(s\) seed"):
        regions.prune(model, 0.4, Random(), seed=1)
    with pytest.raises(ArgumentError, match=r"needs the option\(s\) inputs, labels"):
        regions.prune(model, 0.4, "snip")
