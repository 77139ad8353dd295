"""The distance of kernels: its invariances, a closed form, and a control."""

import numpy as np
import pytest

from regions.atlas.kernels import kernel_distance
from regions.errors import ArgumentError


def gram(seed, points=8, features=20):
    features = np.random.default_rng(seed).standard_normal((points, features))
    return features @ features.T


def test_zero_up_to_a_factor_and_a_constant_and_symmetric():
    kernel, other = gram(0), gram(1)
    assert kernel_distance(kernel, kernel) == pytest.approx(0, abs=1e-12)
    assert kernel_distance(kernel, 3 * kernel - 2) == pytest.approx(0, abs=1e-12)
    assert kernel_distance(kernel, other) == pytest.approx(kernel_distance(other, kernel))
    assert 0.01 < kernel_distance(kernel, other) < 1


def test_the_order_of_the_points_does_not_matter_if_it_is_the_same():
    kernel, other = gram(0), gram(1)
    order = np.random.default_rng(2).permutation(8)
    moved = kernel_distance(kernel[np.ix_(order, order)], other[np.ix_(order, order)])
    assert moved == pytest.approx(kernel_distance(kernel, other))
    assert kernel_distance(kernel[np.ix_(order, order)], other) != pytest.approx(moved)


def test_orthogonal_features_are_as_far_apart_as_can_be():
    one, other = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    assert kernel_distance(np.outer(one, one), np.outer(other, other)) == pytest.approx(1)


def test_a_constant_kernel_has_no_distance():
    assert np.isnan(kernel_distance(np.ones((3, 3)), gram(0, points=3)))


def test_other_shapes_are_refused():
    with pytest.raises(ArgumentError, match="kernels"):
        kernel_distance(gram(0), gram(1, points=3))
