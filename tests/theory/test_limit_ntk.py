"""The closed form of the limit: printed value, norms, symmetry, and the factor of pruning."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regions import theory
from regions.errors import ArgumentError

PRINTED = 2.4287229440232556  # of the authors' notebook


def printed_pair():
    """Return the notebook's two unit vectors: uniform entries, legacy generator, seed 1."""
    state = np.random.RandomState(1)
    return tuple(v / np.linalg.norm(v) for v in (state.rand(10), state.rand(10)))


def recursion(rho, depth):
    """Evaluate the sum of products as it is printed."""
    rhos = [rho]
    for _ in range(depth):
        r = rhos[-1]
        rhos.append((np.sqrt(1 - r * r) + r * np.arcsin(r)) / np.pi + r / 2)
    slopes = [0.5 + np.arcsin(r) / np.pi for r in rhos]
    return sum(rhos[h] * np.prod(slopes[h:depth]) for h in range(depth + 1))


def test_the_printed_value():
    x, y = printed_pair()
    assert x @ y == pytest.approx(0.76880, abs=5e-6)
    assert theory.limit_ntk(x, y, 3) == pytest.approx(PRINTED, abs=1e-13)


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 10, 60])
def test_a_point_with_itself_gives_depth_plus_one(depth):
    points = np.random.default_rng(0).standard_normal((6, 7))
    kernel = theory.limit_ntk(points, points, depth)
    squares = (points**2).sum(axis=1)
    np.testing.assert_allclose(np.diag(kernel), (depth + 1) * squares, rtol=1e-13)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(rho=st.floats(-0.99, 0.99), depth=st.integers(0, 12), a=st.floats(0.1, 9.0))
def test_agrees_with_the_printed_recursion_and_scales_with_norms(rho, depth, a):
    x, y = [a, 0.0], [2 * rho, 2 * np.sqrt(1 - rho * rho)]
    expected = 2 * a * recursion(rho, depth)
    assert theory.limit_ntk(x, y, depth) == pytest.approx(expected, abs=1e-11 * a)


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7, 1e-9])
def test_nearly_equal_points_lose_no_digits(gap):
    # one layer: Theta = cos t (1 - t/pi) + tau(cos t), and 1 - tau = t^2/2 + O(t^3)
    value = theory.limit_ntk([1.0, 0.0], [np.cos(gap), np.sin(gap)], 1)
    assert 2 - value == pytest.approx(gap / np.pi, rel=4 * gap + 1e-6)


def test_gram_is_symmetric_positive_and_zero_points_give_zero():
    points = np.random.default_rng(1).standard_normal((20, 5))
    points[3] = 0
    kernel = theory.limit_ntk(points, points, 4)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-13)
    assert np.linalg.eigvalsh(kernel).min() > -1e-11
    assert (kernel[3] == 0).all()


def test_shapes():
    x, y = np.ones((3, 2, 2)), np.ones((5, 4))
    assert theory.limit_ntk(x, y, 2).shape == (3, 5)
    assert theory.limit_ntk(x, y[0], 2).shape == (3,)
    assert theory.limit_ntk(y[0], x, 2).shape == (3,)
    assert isinstance(theory.limit_ntk(y[0], y[1], 2), float)


@pytest.mark.parametrize("masked_input", [False, True])
@pytest.mark.parametrize("density", [0.5, 0.25])
def test_without_rescaling_the_kernel_shrinks_by_a_power_of_the_density(density, masked_input):
    x, y = printed_pair()
    options = {"masked_input": masked_input, "rescaled": False}
    rng = np.random.default_rng(2)
    draws = [theory.random_ntk(x, y, [384] * 3, density, rng=rng, **options) for _ in range(60)]
    ratio, error = np.mean(draws) / PRINTED, np.std(draws) / np.sqrt(60) / PRINTED
    factor = theory.limit_factor(density, 3, masked_input)
    assert factor == density ** (4 if masked_input else 3)
    assert abs(ratio - factor) < 4 * error
    assert error < 0.1 * factor  # the next power would be caught


def test_rescaled_draws_centre_on_the_limit():
    x, y = printed_pair()
    rng = np.random.default_rng(3)
    for density, masked_input in ((1.0, False), (0.25, False), (0.25, True)):
        draws = [
            theory.random_ntk(x, y, [256] * 3, density, masked_input=masked_input, rng=rng)
            for _ in range(60)
        ]
        assert abs(np.mean(draws) - PRINTED) < 4 * np.std(draws) / np.sqrt(60)


def test_deviation_falls_like_one_over_the_square_root_of_the_width():
    x, y = printed_pair()
    widths, rng = [16, 32, 64, 128, 256], np.random.default_rng(4)
    for density in (1.0, 0.5):
        draws = [
            [theory.random_ntk(x, y, [width] * 3, density, rng=rng) for _ in range(80)]
            for width in widths
        ]
        deviations = np.abs(np.array(draws) - PRINTED).mean(axis=1)
        slope = np.polyfit(np.log(widths), np.log(deviations), 1)[0]
        assert slope == pytest.approx(-0.5, abs=0.17)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.limit_ntk([1.0], [1.0], -1), "depth is"),
        (lambda: theory.limit_ntk([1.0], [1.0], 1.5), "is 1.5; expected"),
        (lambda: theory.limit_ntk([1.0], [1.0], True), "is True; expected"),
        (lambda: theory.limit_ntk([1.0], [1.0, 2.0], 1), "1 inputs per point, but y has 2"),
        (lambda: theory.limit_ntk([1.0, np.nan], [1.0, 2.0], 1), r"1 NaN or infinite value\(s\)"),
        (lambda: theory.limit_ntk(1.0, [1.0], 1), "expected one vector"),
        (lambda: theory.limit_ntk(["a"], [1.0], 1), "no numeric array"),
        (lambda: theory.limit_ntk(np.ones((0, 2)), [1.0, 1.0], 1), r"shape \(0, 2\)"),
        (lambda: theory.limit_factor(1.5, 2), "got 1.5"),
        (lambda: theory.limit_factor(0.5, -2), "is -2; expected"),
        (lambda: theory.random_ntk([1.0], [1.0], [4], 0.0), r"in \(0, 1\], got 0.0"),
        (lambda: theory.random_ntk([1.0], [1.0], [0]), "is 0; expected a whole number"),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
