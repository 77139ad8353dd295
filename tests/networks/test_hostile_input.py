"""Shapes, arrays and paths that make no network are refused by name."""

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError, RegionsError


@pytest.mark.parametrize(
    "shape",
    [
        4,
        "4",
        (4.0,),
        (-4,),
        (0,),
        (),
        (None,),
        ((4,),),
        {4: 1},
        object(),
        (10**12,),
        (10**6, 10**6),
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:12]}",
)
def test_hostile_input_shapes_are_refused(shape):
    with pytest.raises(ArgumentError, match=r"input_shape|have more than"):
        regions.as_network(nn.Linear(4, 3), shape)


@pytest.mark.parametrize(
    "shape", [[4], (np.int64(4),), np.array([4]), torch.Size([4]), torch.tensor([4]), iter([4])]
)
def test_input_shapes_of_all_kinds(shape):
    assert regions.as_network(nn.Linear(4, 3), shape).input_shape == (4,)


def test_an_input_shape_that_a_list_does_not_have_is_refused():
    pairs = [(np.ones((2, 3)), None)]
    assert regions.as_network(pairs, (3,)).widths == (3, 2)
    with pytest.raises(ArgumentError, match=r"input_shape is \(7,\)"):
        regions.as_network(pairs, (7,))


@pytest.mark.parametrize(
    "weight",
    [
        np.ones((2, 3)) * 1j,
        torch.ones(2, 3) * 1j,
        torch.ones(2, 3, device="meta"),
        np.zeros((2, 3), dtype=[("a", float)]),
        np.array([["2020-01-01"]], dtype="M8[D]"),
        np.array([["1.0"]]),
        np.ma.masked_array(np.ones((2, 3)), np.eye(2, 3)),
        [[10**400]],
    ],
    ids=lambda weight: str(getattr(weight, "dtype", "large")),
)
def test_arrays_that_hold_no_real_numbers_are_refused(weight):
    with pytest.raises(ArgumentError, match="pair 0 is not"):
        regions.as_network([(weight, None)])


@pytest.mark.parametrize("path", ["a" * 5000 + ".onnx", "a\0b.onnx", "missing.onnx"])
def test_paths_that_cannot_be_read(path):
    with pytest.raises(RegionsError, match=r"cannot be read|no file"):
        regions.as_network(path)
