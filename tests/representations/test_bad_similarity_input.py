"""Every argument of every public function: right, or refused by an error of the package."""

import dataclasses

import numpy as np
import pytest
import torch
from hostile import taken
from torch import nn

from regions import representations
from regions.errors import ArgumentError
from regions.representations import (
    MEASURES,
    Settings,
    compare_curves,
    compare_layers,
    layer_of,
    minibatch_cka,
    rbf_cka,
)

X, Y = np.random.default_rng(0).standard_normal((2, 60, 3))
MAPS = np.random.default_rng(1).standard_normal((40, 2, 3, 3))
LAYER = layer_of(X)
MODEL = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
INPUTS = torch.as_tensor(X).float()
BOTH, RANKS = {"X": X, "Y": Y}, {"rank_x": 3, "rank_y": 4, "n": 50}
COMPLEX = {"complex"}  # what a measure takes of arrays beside real numbers
PAIR = {"X": COMPLEX, "Y": COMPLEX}
NUMBERS = {"-1", "0", "2.5"}
RANK = {"rank_x": set(), "rank_y": set(), "n": set()}

# function: what it is given, and which of the hostile values each of its arguments takes
CALLS = {
    "cca": (BOTH, {**PAIR, "statistic": set(), "cv": {"None"}, "groups": {"None"}}),
    "cka": (BOTH, {**PAIR, "debiased": {"True"}}),
    "svcca": (
        BOTH,
        {**PAIR, "threshold": set(), "n_components": {"None", "huge"}} | {"statistic": set()},
    ),
    "pwcca": (BOTH, {**PAIR, "side": set()}),
    "procrustes": (BOTH, {**PAIR, "kind": set()}),
    "regression_r2": (BOTH, PAIR),
    "rbf_cka": (BOTH, {"X": set(), "Y": set(), "bandwidth": {"2.5"}}),
    "held_out_cca": (
        BOTH,
        {"X": set(), "Y": set(), "folds": set(), "groups": {"None"}, "statistic": set()},
    ),
    "minibatch_cka": ({}, {"batches": set()}),
    "dft_similarity": ({"X": MAPS, "Y": MAPS}, {"X": set(), "Y": set(), "measure": set()}),
    "jackknife": (
        {"value": 1.0, "left_out": [1.0, 2.0, 3.0]},
        {"value": NUMBERS, "left_out": set(), "level": set()},
    ),
    # NaN is the value of what is undefined, and that of its null
    "adjusted": (
        {"value": 0.5, "null": 0.1},
        {"value": {*NUMBERS, "NaN"}, "null": {"-1", "0", "NaN"}},
    ),
    "null_mean_correlation": (RANKS, RANK | {"rank_x": {"huge"}, "rank_y": {"huge"}}),
    "null_mean_squared": (RANKS, RANK | {"rank_x": {"huge"}, "rank_y": {"huge"}}),
    "wachter_edges": (RANKS, RANK | {"rank_x": {"huge"}, "rank_y": {"huge"}}),
    "layer_of": ({"values": X}, {"values": COMPLEX, "extent": {"None"}}),
    "pair_of": (BOTH, PAIR),
    "pair_layers": ({"x": LAYER, "y": LAYER}, {"x": set(), "y": set()}),
    "map_rows": (
        {"maps": MAPS},
        {"maps": {"complex", "NaNs", "no rows"}, "mode": set()}
        | {"positions": {"None"}, "size": {"None"}},
    ),
    "similarity_grid": ({"A": [X], "B": [Y]}, {"A": set(), "B": set(), "measure": set()}),
    "untrained": ({"model": MODEL}, {"model": set(), "rng": {"0", "huge"}}),
    "compare_curves": (
        {"dense": MODEL, "others": {"a": MODEL}, "inputs": INPUTS, "measure": "cka"},
        {"dense": set(), "others": set(), "inputs": set(), "measure": set()},
    ),
    "capture": (
        {"model": MODEL},
        {"model": set(), "layers": {"None"}, "tap": set(), "mode": {"None"}}
        | {"max_positions": {"None", "huge"}, "select": {"None"}, "transform": {"None"}}
        | {"rng": {"0", "huge"}},
    ),
    "compare_layers": (
        {"dense": MODEL, "pruned": MODEL, "inputs": INPUTS, "measure": "cka"},
        {"dense": set(), "pruned": set(), "inputs": set(), "measure": set()}
        | {"layers": {"None"}, "tap": set(), "select": {"None"}, "mode": set()}
        | {"grid": {"None", "True"}, "blocks": {"0"}, "permutations": {"None", "0"}}
        | {"accumulator": set(), "max_positions": {"None", "huge"}, "per_position": {"True"}}
        | {"batch_size": {"None", "huge"}, "max_images": {"None", "huge"}, "rng": {"0", "huge"}}
        | {"progress": {"True"}},
    ),
}
ARGUMENTS = [(name, argument) for name, (_, known) in CALLS.items() for argument in known]


def captured(**arguments):
    with representations.capture(**arguments) as seen:
        MODEL(INPUTS)
    return dict(seen)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_every_argument_is_right_or_refused(name, argument, capsys):
    base, known = CALLS[name]
    function = captured if name == "capture" else getattr(representations, name)
    assert taken(function, base, argument) == known[argument]
    capsys.readouterr()  # of the bar


def test_no_function_and_no_option_is_left_out():
    names = {name for name in representations.__all__ if name[0].islower()}
    assert names == set(CALLS)
    assert {field.name for field in dataclasses.fields(Settings)} <= set(CALLS["compare_layers"][1])
    options = {field.name for one in MEASURES.values() for field in dataclasses.fields(one)}
    assert options <= {argument for _, argument in ARGUMENTS}


def test_masked_arrays_in_lists_are_refused():
    masked = np.ma.array(X, mask=X > 1)
    for call in (
        lambda: representations.cca(list(masked), Y),
        lambda: minibatch_cka([(X, masked)]),
        lambda: representations.similarity_grid([X], [masked]),
        lambda: representations.dft_similarity(np.ma.array(MAPS, mask=MAPS > 1), MAPS),
        lambda: representations.held_out_cca(X, masked),
        lambda: rbf_cka(X, masked),
        lambda: representations.map_rows(np.ma.array(MAPS, mask=MAPS > 1)),
    ):
        with pytest.raises(ArgumentError, match="is a masked array with"):
            call()


def test_what_goes_wrong_inside_is_refused_by_name():
    with pytest.raises(ArgumentError, match="groups is given without cv"):
        representations.cca(X, Y, groups=np.arange(60))
    with pytest.raises(ArgumentError, match="n_components is"):
        representations.svcca(X, Y, n_components=(1, 2, 3))
    with pytest.raises(ArgumentError, match="positions has shape"):
        representations.map_rows(MAPS, positions=np.array([9]))
    with pytest.raises(ArgumentError, match="size is 0"):
        representations.map_rows(MAPS, "resize", size=(0, 2))
    with pytest.raises(ArgumentError, match="batch 0 is a ndarray; expected a pair"):
        minibatch_cka([X])
    with pytest.raises(ArgumentError, match="groups is a list that holds no labels"):
        representations.held_out_cca(X, Y, groups=[None, "a"] * 30)
    with pytest.raises(ArgumentError, match="kind is 'graph'"):
        compare_layers(MODEL, MODEL, INPUTS).plot(kind="graph")
    with pytest.raises(ArgumentError, match=r"blocks is 2\.5"):
        compare_curves(MODEL, {"a": MODEL}, INPUTS, blocks=2.5)


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)

    def forward(self, x):
        return torch.complex(self.first(x), x[:, :1])


def test_complex_activations_of_networks_are_refused():
    """Sums of products of complex columns would miss the conjugate."""
    with pytest.raises(ArgumentError, match="complex activations"):
        compare_layers(nn.Sequential(Complex()), nn.Sequential(Complex()), INPUTS, measure="cka")
