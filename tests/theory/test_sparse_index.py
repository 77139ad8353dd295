"""Screening of inputs and training after it: theorems, traps of the method, sample sizes."""

from math import log, pi, sqrt

import numpy as np
import pytest
import torch

from regions import theory
from regions.errors import ArgumentError
from regions.theory import SingleIndex, fit_two_layer, screen


def direction(inputs, entries):
    v = np.zeros(inputs)
    v[: len(entries)] = entries
    return v / np.linalg.norm(v)


def test_link_is_in_orthonormal_polynomials():
    nodes, weights = np.polynomial.hermite_e.hermegauss(30)
    weights = weights / sqrt(2 * pi)
    links = [SingleIndex(direction=[1.0], coefficients=np.eye(6)[k]).link for k in range(1, 6)]
    values = np.array([link(nodes) for link in links])
    np.testing.assert_allclose((values * weights) @ values.T, np.eye(5), atol=1e-10)


def test_sparse_directions():
    model = SingleIndex.sparse(200, 9, rng=0)
    assert len(model.support) == 9 and np.linalg.norm(model.direction) == pytest.approx(1)
    for q in (0, 0.5, 1):  # |v|_q^q = size^(1 - q/2) for equal entries
        assert model.soft_sparsity(q) == pytest.approx(9 ** (1 - q / 2))
    assert SingleIndex(direction=[1.0], coefficients=[3, 0, 0, 1, 2]).information_exponent == 3
    x, y = model.sample(20_000, rng=1)
    assert y.mean() == pytest.approx(0, abs=0.04) and y.var() == pytest.approx(1.01, abs=0.06)
    again = model.sample(20_000, rng=1)
    assert np.array_equal(x, again[0]) and np.array_equal(y, again[1])


PHI = {
    "raw": lambda t, b: torch.relu(t + b),
    "even": lambda t, b: (torch.relu(t + b) + torch.relu(-t + b)) / 2,
    "odd": lambda t, b: (torch.relu(t + b) - torch.relu(-t + b)) / 2,
}


@pytest.mark.parametrize("part", list(PHI))
def test_scores_are_squared_gradients_of_the_part_of_the_activation(part):
    """Autograd of the squared loss at mirrored units settles which sign belongs to which part."""
    x, y = SingleIndex.sparse(6, 2, (0, 0.5, 1.0), rng=0).sample(40, rng=1)
    biases = [-0.4, 0.3, 1.1]
    points, values = torch.from_numpy(x), torch.from_numpy(y)
    expected = np.zeros(6)
    for j in range(6):
        for b in biases:
            w = torch.eye(6, dtype=torch.float64)[j].requires_grad_()
            mirror = PHI[part](points @ w.detach(), b)
            output = PHI[part](points @ w, b) - mirror
            (0.5 * (output - values) ** 2).mean().backward()
            expected[j] += np.sort(w.grad.numpy() ** 2)[-3:].sum()  # 3 largest entries
    found = screen(x, y, 3, c=1.0, biases=biases, parts=[part])
    np.testing.assert_allclose(found.scores[part], expected, rtol=1e-10)


@pytest.mark.parametrize(("coefficients", "silent"), [((0, 0, 1), "odd"), ((0, 1, 0, 1), "even")])
def test_each_part_sees_only_targets_of_its_parity(coefficients, silent):
    half, values = SingleIndex.sparse(8, 2, coefficients, noise=0.0, rng=0).sample(50, rng=1)
    sign = 1 if silent == "odd" else -1
    x, y = np.vstack([half, -half]), np.hstack([values, sign * values])
    scores = screen(x, y, 8, c=1.0).scores
    loud = ({"odd", "even"} - {silent}).pop()
    assert scores[silent].max() < 1e-25 < 1e-3 < scores[loud].max()


def norms(model, part):
    """Return mean gradient norms on and off the support, at zero bias in the plain basis."""
    x, y = model.sample(20_000, rng=0)
    scores = screen(x, y, x.shape[1], c=1.0, biases=[0.0], parts=[part]).scores[part]
    on = np.isin(np.arange(x.shape[1]), model.support)
    return np.sqrt(scores[on]).mean(), np.sqrt(scores[~on]).mean()


def test_a_linear_term_makes_raw_gradients_smaller_on_the_support():
    """Trap of section 6.1: raw norms are inverted, the even part is not.

    How small the raw norms get depends on the signs of the entries; here two of eight agree with
    the linear term's sign.
    """
    v = direction(128, [1, 1, -1, -1, -1, -1, -1, -1])
    plain = SingleIndex(direction=v, coefficients=(0, 0, 1), noise=0.0)
    tilted = SingleIndex(direction=v, coefficients=(0, 0.8, 1), noise=0.0)
    assert norms(plain, "raw") == pytest.approx((0.205, 0.055), abs=0.02)
    assert norms(tilted, "raw") == pytest.approx((0.298, 0.410), abs=0.03)
    assert norms(tilted, "even") == pytest.approx((0.207, 0.051), abs=0.02)


def test_a_dominant_entry_can_cancel_in_the_plain_basis():
    """Trap of section 6.4, the reason for c.

    For v = e_1, zero bias and sigma = He_2/sqrt(2) + sqrt(12) He_4/sqrt(24) the gradient at the
    probe of input 1 has expectation c (1 - c^2) (2 - 3 c^2) / (2 sqrt(pi)) e_1: zero for c = 1.
    """
    model = SingleIndex(direction=direction(32, [1]), coefficients=(0, 0, 1, 0, sqrt(12)))
    x, y = model.sample(40_000, rng=0)
    found = {c: screen(x, y, 1, c=c, biases=[0.0], parts=["even"], rng=1) for c in (1.0, 0.5, 0.3)}
    norm = {c: np.sqrt(result.scores["even"]) for c, result in found.items()}
    for c, values in norm.items():
        expected = c * (1 - c**2) * (2 - 3 * c**2) / (2 * sqrt(pi))
        assert values[0] == pytest.approx(expected, abs=0.05)
    assert norm[1.0][0] < norm[1.0][1:].max()  # below the noise of other inputs
    assert norm[0.5][0] > 1.5 * norm[0.5][1:].max()
    assert found[0.5].recall([0]) == found[0.3].recall([0]) == 1.0 > found[1.0].recall([0])


def test_the_odd_part_finds_a_linear_direction_by_one_gradient():
    model = SingleIndex.sparse(100, 5, (0, 1), rng=0)
    found = screen(*model.sample(1000, rng=1), 5, rng=2, parts=["odd"])
    assert np.array_equal(found.direction, model.support)


def test_screening_follows_a_permutation_of_the_inputs():
    x, y = SingleIndex.sparse(20, 3, rng=0).sample(300, rng=1)
    order = np.random.default_rng(2).permutation(20)
    options = {"c": 0.7, "biases": [0.1, -0.5], "rng": 3}
    plain, permuted = screen(x, y, 4, **options), screen(x[:, order], y, 4, **options)
    for part, scores in plain.scores.items():
        np.testing.assert_allclose(permuted.scores[part], scores[order], rtol=1e-9)
    assert set(order[permuted.kept]) == set(plain.kept)


def test_result_and_sizes():
    x, y = SingleIndex.sparse(20, 3, rng=0).sample(300, rng=1)
    found = screen(x, y, 4, rng=0)
    assert 4 <= len(found.kept) <= 12 and found.kept.max() < 20
    assert found.to_frame()["kept"].sum() == len(found.kept)
    assert list(found.to_frame()) == ["input", "kept", "score_even", "score_odd"]
    assert found.to_dict()["size"] == 4 and "of 20 inputs kept" in found.summary()
    assert len(screen(x, y, 20, rng=0).kept) == 20
    again = screen(x, y, 4, rng=0)
    assert all(np.array_equal(found.scores[p], again.scores[p]) for p in found.scores)


def test_samples_needed_dense_random_screened_oracle():
    """d = 256, 8 inputs matter, He_2: means of three seeds, n = 1000 and M = 16."""
    rows = []
    for seed in range(3):
        model = SingleIndex.sparse(256, 8, rng=seed)
        x, y = model.sample(1000, rng=[seed, 1])
        found = [
            screen(x, y, 16, c=c, parts=["even"], rng=[seed, 2]) for c in (1.0, 0.8, 1 / log(256))
        ]
        random = np.random.default_rng([seed, 3]).choice(256, 16, replace=False)
        arms = [None, random, *(result.kept for result in found), model.support]
        test = model.sample(2000, rng=[seed, 4])
        scores = [fit_two_layer(x, y, kept, rng=seed).r_squared(*test) for kept in arms]
        rows.append([result.recall(model.support) for result in found] + scores)
    means = np.mean(rows, axis=0)
    recalls, (dense, uninformed, plain, screened, asymptotic, oracle) = means[:3], means[3:]
    assert recalls[0] == 1.0 and recalls[1] > 0.9 and recalls[2] < 0.6
    assert max(dense, uninformed) < 0.1 and asymptotic < 0.5
    assert plain > 0.85 and screened > 0.75 and oracle > 0.97


def test_the_first_step_replaces_the_weights():
    x, y = SingleIndex.sparse(10, 2, rng=0).sample(400, rng=1)
    one, two = (fit_two_layer(x, y, [1, 4, 7], pairs=6, step=s, rng=2) for s in (1.0, 2.0))
    np.testing.assert_allclose(two.inner, 2 * one.inner)
    np.testing.assert_allclose(one.inner[6:], -one.inner[:6])
    free = fit_two_layer(x, y, [1, 4, 7], pairs=6, rng=2)
    assert (free.inner**2).sum(axis=1).mean() == pytest.approx(1.0)
    moved = x.copy()
    moved[:, [0, 2, 3]] = 9.0  # inputs that were not kept
    np.testing.assert_array_equal(free.predict(moved), free.predict(x))


X, Y = np.ones((5, 3)), np.ones(5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SingleIndex(direction=[1.0, 1.0]), "norm 1.41421"),
        (lambda: SingleIndex(direction=[1.0], coefficients=[1.0]), "coefficients must be"),
        (lambda: SingleIndex(direction=[1.0], noise=-1), "noise is"),
        (lambda: SingleIndex.sparse(5, 6), "size is 6; expected .* at most 5"),
        (lambda: SingleIndex(direction=[1.0]).sample(0), "n is 0"),
        (lambda: SingleIndex(direction=[1.0]).soft_sparsity(2), "q must lie"),
        (lambda: screen(X, Y[:3], 2), r"expected \(n, d\) and \(n,\)"),
        (lambda: screen(X * np.nan, Y, 2), "x holds .* NaN"),
        (lambda: screen(X, Y, 4), "size is 4; expected .* at most 3"),
        (lambda: screen(X, Y, 2, c=0.0), "c must lie"),
        (lambda: screen(X, Y, 2, biases=0), "biases is 0"),
        (lambda: screen(X, Y, 2, biases=[np.inf]), "biases holds 1 NaN or infinite"),
        (lambda: screen(X, Y, 2, parts="even"), "parts must be a list"),
        (lambda: screen(X, Y, 2, parts=["both"]), "parts must be a list"),
        (lambda: fit_two_layer(X, Y, []), "at least one input"),
        (lambda: fit_two_layer(X, Y, [3]), "below the 3 inputs"),
        (lambda: fit_two_layer(X, Y, [1, 1]), "distinct"),
        (lambda: fit_two_layer(X, Y, pairs=0), "pairs is 0"),
        (lambda: fit_two_layer(X, Y, step=0.0), "step is"),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_import_does_not_load_torch():
    import subprocess
    import sys

    code = (
        "import sys, regions.theory; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    assert all(getattr(theory, name) is not None for name in theory.__all__)
