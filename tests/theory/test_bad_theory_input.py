"""Every argument of every public function: right, or refused by an error of the package."""

import numpy as np
import pytest
from hostile import taken

from regions import theory
from regions.errors import ArgumentError
from regions.theory import SingleIndex, TwoLayer

RNG = np.random.default_rng(0)
NET = [(RNG.standard_normal((4, 3)), None), (RNG.standard_normal((2, 4)), None)]
MASKS = {"layer1": np.arange(12).reshape(4, 3) % 2 == 0}
X = RNG.standard_normal((60, 3))
SAMPLES = {"x": X, "y": X[:, 0] ** 2}
POINTS = {"x": X[:5], "y": X[:4]}
SEED = {"None", "0", "huge"}
FITTED = theory.fit_two_layer(**SAMPLES, pairs=4, rng=0)

# function: what it is given, and which of the hostile values each of its arguments takes
CALLS = {
    "empirical_ntk": (
        {"model": NET, **POINTS},
        {"model": set(), "x": set(), "y": {"None"}, "masks": {"None", "mapping"}}
        | {"scales": {"None"}, "progress": {"True"}},
    ),
    "fit_decay": (
        {"n": np.arange(1, 7), "errors": 0.5 ** np.arange(6)},
        {"n": set(), "errors": set(), "form": set(), "level": set()},
    ),
    "fit_two_layer": (
        {**SAMPLES, "pairs": 4, "rng": 0},
        {"x": set(), "y": set(), "kept": {"None"}, "pairs": set(), "step": {"None", "2.5"}}
        | {"rng": SEED},
    ),
    "greedy_decay": (
        {"model": NET, "inputs": X, "steps": 3, "draws": 1},
        {"model": set(), "inputs": set(), "layer": {"None"}, "imitation": set(), "steps": set()}
        | {"start": set(), "draws": set(), "input_shape": {"None"}, "rng": SEED},
    ),
    "limit_factor": (
        {"density": 0.5, "depth": 2},
        {"density": {"0"}, "depth": {"0"}, "masked_input": {"True"}},
    ),
    "limit_ntk": ({**POINTS, "depth": 1}, {"x": set(), "y": set(), "depth": {"0"}}),
    "ntk_scales": ({"widths": [3, 4, 1]}, {"widths": set(), "densities": {"True"}}),
    "random_ntk": (
        {**POINTS, "hidden": [4]},
        {"x": set(), "y": {"None"}, "hidden": {"list", "no rows"}, "density": set()}
        | {"masked_input": {"True"}, "rescaled": {"True"}, "rng": SEED},
    ),
    "rescale": ({"model": NET, "masks": MASKS}, {"model": set(), "masks": set()}
    | {"densities": {"None"}}),
    "screen": (
        {**SAMPLES, "size": 2, "biases": 4},
        {"x": set(), "y": set(), "size": set(), "c": set(), "biases": set(), "parts": set()}
        | {"rng": SEED, "progress": {"True"}},
    ),
    "SingleIndex": (
        {"direction": [0.6, 0.8]},
        {"direction": set(), "coefficients": set(), "noise": {"0", "2.5"}},
    ),
    "sparse": (
        {"inputs": 5, "size": 2},
        {"inputs": set(), "size": set(), "coefficients": set(), "noise": {"0", "2.5"}}
        | {"rng": SEED},
    ),
    "sample": ({"n": 5}, {"n": set(), "rng": SEED}),
    "soft_sparsity": ({}, {"q": {"0"}}),
    "predict": ({}, {"x": set()}),
    "r_squared": (SAMPLES, {"x": set(), "y": set()}),
}  # fmt: skip
ARGUMENTS = [(name, argument) for name, (_, known) in CALLS.items() for argument in known]
OWNERS = {
    "sparse": SingleIndex,
    "sample": SingleIndex(direction=[0.6, 0.8]),
    "soft_sparsity": SingleIndex(direction=[0.6, 0.8]),
    "predict": FITTED,
    "r_squared": FITTED,
}


# steps and draws have no limit but time
UNLIMITED = {"steps": ("huge",), "draws": ("huge",), "depth": ("huge",)}


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_every_argument_is_right_or_refused(name, argument, capsys):
    base, known = CALLS[name]
    function = getattr(OWNERS.get(name, theory), name)
    leave_out = UNLIMITED.get(argument, ())
    assert taken(function, base, argument, leave_out) == known[argument]
    capsys.readouterr()  # of the bar


def test_no_function_is_left_out():
    functions = {name for name in theory.__all__ if name[0].islower()}
    assert functions <= set(CALLS)


def test_masked_arrays_are_refused():
    masked = np.ma.array(X, mask=X > 1)
    y = X[:, 0] ** 2
    net = TwoLayer(
        kept=np.array([1]), inner=np.ones((1, 1)), bias=np.zeros(1), outer=np.ones(1), intercept=0.0
    )
    for call in (
        lambda: theory.empirical_ntk(NET, masked),
        lambda: theory.limit_ntk(masked, masked, 1),
        lambda: theory.screen(masked, y, 2),
        lambda: theory.fit_two_layer(masked, y),
        lambda: theory.fit_decay(np.arange(1, 61), np.ma.array(y + 1, mask=y > 1)),
        lambda: theory.greedy_decay(NET, masked),
        lambda: net.predict(masked),
    ):
        with pytest.raises(ArgumentError, match="is a masked array with"):
            call()
