"""A name with options and a measure that holds them are one call."""

import re
from dataclasses import fields

import numpy as np
import pytest
from activations import related
from small_networks import noise

import regions
from regions.errors import ArgumentError
from regions.representations import (
    CCA,
    CKA,
    MEASURES,
    PWCCA,
    SVCCA,
    Procrustes,
    Settings,
    dft_similarity,
    pair_of,
    similarity_grid,
)

SAME = [
    ("svcca", {"threshold": 0.8}, SVCCA(threshold=0.8), regions.svcca),
    ("svcca", {"n_components": (2, 3)}, SVCCA(n_components=(2, 3)), regions.svcca),
    ("cca", {"statistic": "yanai"}, CCA(statistic="yanai"), regions.cca),
    ("pwcca", {"side": "mean"}, PWCCA(side="mean"), regions.pwcca),
    ("cka", {"debiased": True}, CKA(debiased=True), regions.cka),
    ("cka_debiased", {}, CKA(debiased=True), regions.cka),
    (
        "procrustes",
        {"kind": "angular_distance"},
        Procrustes("angular_distance"),
        regions.procrustes,
    ),
]


@pytest.mark.parametrize(("name", "options", "measure", "function"), SAME)
def test_a_name_with_options_is_the_measure_that_holds_them(
    networks, name, options, measure, function
):
    inputs = noise(300, 6)
    named = regions.compare_layers(*networks, inputs, measure=name, blocks=3, **options)
    held = regions.compare_layers(*networks, inputs, measure=measure, blocks=3)
    plain = regions.compare_layers(*networks, inputs, measure=type(measure)(), blocks=3)
    assert named.to_dict() == held.to_dict()
    assert plain.to_dict() != held.to_dict()  # the options say something
    X, Y = related(np.random.default_rng(0))
    direct = function(X, Y, **{f.name: getattr(measure, f.name) for f in fields(measure)})
    assert direct.value == measure(pair_of(X, Y)).value
    assert direct.measure == measure.name
    assert similarity_grid([X], [Y], name, **options).matrix.iloc[0, 0] == pytest.approx(
        similarity_grid([X], [Y], measure).matrix.iloc[0, 0], abs=0
    )


def test_measures_per_frequency_hold_their_options():
    maps = np.random.default_rng(0).standard_normal((2, 200, 3, 4, 4))
    named = dft_similarity(*maps, "svcca", threshold=0.7)
    assert named.to_dict() == dft_similarity(*maps, SVCCA(threshold=0.7)).to_dict()
    assert named.k < dft_similarity(*maps, SVCCA()).k


def test_a_measure_without_value_has_the_same_name_as_one_with():
    X, Y = related(np.random.default_rng(0))
    for measure in (*MEASURES.values(), Procrustes("squared_distance")):
        names = {measure(pair_of(X, values)).measure for values in (Y, 0 * Y)}
        assert names == {measure.name}


def test_options_of_a_measure_are_none_of_the_comparison():
    settings = {field.name for field in fields(Settings)}
    for measure in MEASURES.values():
        assert settings.isdisjoint(field.name for field in fields(measure))


def test_unknown_options_are_refused_with_the_known_ones(networks):
    with pytest.raises(ArgumentError, match=re.escape("option(s) side, size; its options are: t")):
        regions.compare_layers(*networks, noise(9, 6), side="x", size=3)
    with pytest.raises(ArgumentError, match="beside them: tap, select, mode, grid, blocks"):
        regions.compare_layers(*networks, noise(9, 6), block=3)
    with pytest.raises(ArgumentError, match=r"'regression_r2' does not know .*: none$"):
        similarity_grid([noise(9, 2)], [noise(9, 2)], "regression_r2", side="x")
    with pytest.raises(ArgumentError, match="statistic is 'median'"):
        regions.compare_layers(*networks, noise(9, 6), statistic="median")
