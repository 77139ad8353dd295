"""The identities that hold for every data set, and the declarations of the measures."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import CCA as SklearnCCA

import regions
from regions.representations import (
    MEASURES,
    PWCCA,
    Status,
    minibatch_cka,
    pair_of,
    rbf_cka,
    regression_r2,
)

few = settings(max_examples=15, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def well_conditioned(rng, p, q=None, condition=50.0):
    """A random p x q map with singular values between 1 and `condition`."""
    left = np.linalg.qr(rng.standard_normal((p, p)))[0]
    right = np.linalg.qr(rng.standard_normal((q or p, q or p)))[0]
    size = min(p, q or p)
    return left[:, :size] * np.geomspace(1, condition, size) @ right[:size]


def related(rng, n=400, p=6, q=5):
    Z = rng.standard_normal((n, 4))
    X = Z @ rng.standard_normal((4, p)) + 0.7 * rng.standard_normal((n, p))
    return X, Z @ rng.standard_normal((4, q)) + 0.7 * rng.standard_normal((n, q))


# -- each measure keeps what it declares, and breaks what it does not declare ------------------


def transformed(kind, X, rng):
    p = X.shape[1]
    return {
        "shift": lambda: X + 10 * rng.standard_normal(p),
        "scale": lambda: 3.7 * X,
        "channel_scale": lambda: X * np.geomspace(0.05, 20, p),
        "orthogonal": lambda: X @ np.linalg.qr(rng.standard_normal((p, p)))[0],
        "linear": lambda: X @ well_conditioned(rng, p),
    }[kind]()


DECLARED = [*MEASURES.values(), PWCCA(side="x")]


@pytest.mark.parametrize("kind", ["shift", "scale", "channel_scale", "orthogonal", "linear"])
@pytest.mark.parametrize("side", ["x", "y"])
@pytest.mark.parametrize("index", range(len(DECLARED)))
def test_invariances_are_as_declared(index, side, kind):
    measure = DECLARED[index]
    changes = []
    for p, q in [(6, 5), (5, 6)]:  # which side is smaller matters to PWCCA
        rng = np.random.default_rng(7)
        X, Y = related(rng, p=p, q=q)
        before = measure(pair_of(X, Y)).value
        left, right = (X, Y) if side == "y" else (transformed(kind, X, rng), Y)
        right = transformed(kind, Y, rng) if side == "y" else right
        changes.append(abs(measure(pair_of(left, right)).value - before))
    if kind in getattr(measure, f"invariant_{side}"):
        assert max(changes) < 1e-10
    else:
        assert max(changes) > 1e-4


@pytest.mark.parametrize("index", range(len(DECLARED)))
def test_symmetry_is_as_declared(index):
    measure = DECLARED[index]
    X, Y = related(np.random.default_rng(8))
    forward, backward = measure(pair_of(X, Y)).value, measure(pair_of(Y, X)).value
    if measure.symmetric:
        assert forward == pytest.approx(backward, abs=1e-12)
    elif measure != PWCCA(side="smaller"):  # the smaller side is the same side
        assert abs(forward - backward) > 1e-4


@pytest.mark.parametrize("name", MEASURES)
def test_self_similarity_is_one_and_rows_may_be_permuted_together(name):
    rng = np.random.default_rng(9)
    X, Y = related(rng)
    assert MEASURES[name](pair_of(X, X)).value == pytest.approx(1, abs=1e-12)
    assert MEASURES[name](pair_of(X, X.copy())).value == pytest.approx(1, abs=1e-12)
    order = rng.permutation(len(X))
    value = MEASURES[name](pair_of(X, Y)).value
    assert MEASURES[name](pair_of(X[order], Y[order])).value == pytest.approx(value, abs=1e-12)
    assert abs(MEASURES[name](pair_of(X[order], Y)).value) < value - 0.1


# -- CCA ----------------------------------------------------------------------------------------


@few
@given(seeds)
def test_a_linear_map_and_a_shift_leave_all_correlations_at_one(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((300, 6)) @ well_conditioned(rng, 6, condition=10)
    result = regions.cca(X, X @ well_conditioned(rng, 6, condition=10) + rng.standard_normal(6))
    assert result.coefficients.min() >= 1 - 1e-12
    assert result.value <= 1


@few
@given(seeds)
def test_correlations_do_not_depend_on_the_neurons_basis(seed):
    rng = np.random.default_rng(seed)
    X, Y = related(rng)
    mapped = regions.cca(X @ well_conditioned(rng, 6), Y @ well_conditioned(rng, 5))
    reference = regions.cca(X, Y).coefficients
    np.testing.assert_allclose(mapped.coefficients, reference, rtol=0, atol=1e-10)
    np.testing.assert_allclose(regions.cca(Y, X).coefficients, reference, rtol=0, atol=1e-12)


def by_qr(X, Y):
    """An independent route: orthonormal bases by QR, no rank decision."""
    bases = [np.linalg.qr(values - values.mean(axis=0))[0] for values in (X, Y)]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


@pytest.mark.parametrize(
    ("condition", "tolerance"), [(1e2, 1e-12), (1e4, 1e-9), (1e6, 1e-6), (1e7, 1e-6)]
)
@pytest.mark.parametrize("seed", range(3))
def test_agreement_with_qr_up_to_the_stated_condition(condition, tolerance, seed):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((2000, 32))
    X = np.linalg.qr(Z + rng.standard_normal(Z.shape))[0] @ well_conditioned(rng, 32, 32, condition)
    Y = np.linalg.qr(Z + rng.standard_normal(Z.shape))[0] @ well_conditioned(rng, 32, 32, condition)
    for result in (regions.cca(X, Y), regions.svcca(X, Y, threshold=1.0)):
        np.testing.assert_allclose(result.coefficients, by_qr(X, Y), rtol=0, atol=tolerance)


def test_agreement_with_scikit_learn():
    X, Y = related(np.random.default_rng(3), n=2000, p=8, q=8)
    peer = SklearnCCA(n_components=8, scale=False, tol=1e-12, max_iter=20000).fit(X, Y)
    left, right = peer.transform(X, Y)
    found = sorted((np.corrcoef(left[:, i], right[:, i])[0, 1] for i in range(8)), reverse=True)
    np.testing.assert_allclose(regions.cca(X, Y).coefficients, found, rtol=0, atol=1e-9)


def test_planted_correlations_are_recovered():
    rng = np.random.default_rng(5)
    rho, n = np.array([0.9, 0.7, 0.4, 0.1]), 20000
    Z, E = rng.standard_normal((n, 4)), rng.standard_normal((n, 4))
    X = Z @ well_conditioned(rng, 4)
    Y = (Z * rho + E * np.sqrt(1 - rho**2)) @ well_conditioned(rng, 4)
    found = regions.cca(X, Y).coefficients
    assert np.all(np.abs(found - rho) < 4 * (1 - rho**2) / np.sqrt(n))


def test_too_many_directions_force_coefficients_of_one():
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((100, 60)), rng.standard_normal((100, 60))
    with pytest.warns(UserWarning, match="100 samples for 60 directions"):
        result = regions.cca(X, Y)
    assert result.status is Status.SATURATED
    assert (result.coefficients > 1 - 1e-9).sum() == 60 + 60 - 99


@few
@given(seeds)
def test_silent_and_repeated_neurons_change_only_the_denominator(seed):
    rng = np.random.default_rng(seed)
    X, Y = related(rng)
    more = np.column_stack([X[:, :3], np.zeros(400), X[:, 3:], np.full(400, 0.3), X[:, :2]])
    plain, result = regions.cca(X, Y), regions.cca(more, Y)
    assert (result.dead_x, result.constant_x, result.rank_x) == (1, 1, 6)
    np.testing.assert_allclose(result.coefficients, plain.coefficients, rtol=0, atol=1e-10)
    wide = regions.cca(more, np.column_stack([Y, np.zeros((400, 6))]))
    assert wide.value == pytest.approx(plain.value, abs=1e-10)
    assert wide.value_all == pytest.approx(plain.value_all * 5 / 10, abs=1e-10)


def test_yanai_and_mean_squared_are_sums_of_squares():
    X, Y = related(np.random.default_rng(1))
    rho = regions.cca(X, Y).coefficients
    assert regions.cca(X, Y, statistic="mean_squared").value == pytest.approx((rho**2).sum() / 5)
    yanai = regions.cca(X, Y, statistic="yanai")
    assert yanai.value == pytest.approx((rho**2).sum() / np.sqrt(30))
    assert yanai.null == pytest.approx(np.sqrt(30) / 399)


# -- SVCCA and PWCCA ----------------------------------------------------------------------------


def test_svcca_at_threshold_one_is_cca_and_components_can_be_fixed():
    X, Y = related(np.random.default_rng(2))
    whole = regions.svcca(X, Y, threshold=1.0)
    np.testing.assert_allclose(
        whole.coefficients, regions.cca(X, Y).coefficients, rtol=0, atol=1e-12
    )
    fixed = regions.svcca(X, Y, n_components=2)
    assert (fixed.rank_x, fixed.rank_y, fixed.k) == (2, 2, 2)
    assert regions.svcca(X, Y, n_components=99).rank_x == 6


def test_a_layer_of_almost_one_direction_keeps_one_component():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((500, 1)) * np.ones(5) + 1e-6 * rng.standard_normal((500, 5))
    result = regions.svcca(X, X)
    assert (result.rank_x, result.value) == (1, pytest.approx(1))


def test_pwcca_weights_are_shares_and_equal_correlations_give_their_value():
    rng = np.random.default_rng(11)
    X, Y = related(rng)
    for side in ("x", "y", "smaller", "mean"):
        weights = regions.pwcca(X, Y, side=side).details["weights"]
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)
    assert regions.pwcca(X, X @ well_conditioned(rng, 6), side="x").value == pytest.approx(1)
    Q = np.linalg.qr(X - X.mean(axis=0))[0]
    E = rng.standard_normal((400, 6))
    E -= E.mean(axis=0)
    E = np.linalg.qr(E - Q @ (Q.T @ E))[0]
    tilted = (0.6 * Q + 0.8 * E) @ well_conditioned(rng, 6)
    assert regions.pwcca(X, tilted, side="x").value == pytest.approx(0.6, abs=1e-12)


def test_pwcca_of_canonical_axes_with_equal_weights_is_the_mean():
    rng = np.random.default_rng(12)
    Q = rng.standard_normal((500, 8))
    Q = np.linalg.qr(Q - Q.mean(axis=0))[0]
    rho = np.array([0.9, 0.6, 0.4, 0.2])
    X, Y = Q[:, :4], rho * Q[:, :4] + np.sqrt(1 - rho**2) * Q[:, 4:]
    assert regions.pwcca(X, Y, side="x").value == pytest.approx(rho.mean(), abs=1e-12)


def test_pwcca_sides_are_mirrored():
    X, Y = related(np.random.default_rng(13))
    assert regions.pwcca(X, Y, side="x").value == pytest.approx(regions.pwcca(Y, X, side="y").value)
    assert regions.pwcca(X, Y).details["side"] == "y"


# -- CKA ----------------------------------------------------------------------------------------


def gram_cka(X, Y, debiased):
    """CKA from n x n kernels; debiased by U-centring."""
    n = len(X)
    kernels = [values @ values.T for values in (X, Y)]
    if not debiased:
        H = np.eye(n) - 1 / n
        kernels = [H @ kernel @ H for kernel in kernels]
    else:
        for kernel in kernels:
            np.fill_diagonal(kernel, 0)
            means = kernel.sum(axis=0) / (n - 2)
            means -= means.sum() / (2 * (n - 1))
            kernel -= means[:, None] + means
            np.fill_diagonal(kernel, 0)
    K, L = kernels
    return np.vdot(K, L) / np.sqrt(np.vdot(K, K) * np.vdot(L, L))


@few
@given(seeds, st.booleans())
def test_cka_from_features_equals_cka_from_kernels(seed, debiased):
    rng = np.random.default_rng(seed)
    for p in (6, 90):  # fewer and more neurons than the 60 samples
        X, Y = related(rng, n=60, p=p)
        X, Y = X + 5, Y - 3  # kernels that are not centred
        value = regions.cka(X, Y, debiased=debiased).value
        assert value == pytest.approx(gram_cka(X, Y, debiased), abs=1e-10)


def test_cka_of_a_layer_with_its_whitened_self():
    rng = np.random.default_rng(14)
    X = rng.standard_normal((300, 5)) @ well_conditioned(rng, 5, condition=5)
    X -= X.mean(axis=0)
    values = np.linalg.eigvalsh(X.T @ X)
    whitened = np.linalg.svd(X, full_matrices=False)[0]
    expected = values.sum() / np.sqrt(5 * (values**2).sum())
    assert regions.cka(X, whitened).value == pytest.approx(expected, abs=1e-12)
    assert regions.cka(X, X @ well_conditioned(rng, 5)).value < 0.999


def test_minibatch_cka_with_one_batch_is_the_debiased_value():
    X, Y = related(np.random.default_rng(15))
    whole = regions.cka(X, Y, debiased=True).value
    assert minibatch_cka([(X, Y)]) == pytest.approx(whole, abs=1e-12)
    batches = [(X[i : i + 60], Y[i : i + 60]) for i in range(0, 400, 60)]  # the last has 40
    assert minibatch_cka(batches) == pytest.approx(whole, abs=0.02)


def test_rbf_cka_tends_to_linear_cka():
    X, Y = related(np.random.default_rng(16), n=100)
    assert rbf_cka(X, Y, 1e3) == pytest.approx(regions.cka(X, Y).value, abs=1e-4)


def test_a_few_samples_far_out_decide_cka_and_the_result_says_so():
    """Davari et al. 2022: moving a tenth of the samples by c makes CKA tend to a limit."""
    rng = np.random.default_rng(17)
    X = rng.standard_normal((1000, 50))
    moved, shift = X.copy(), rng.standard_normal(50)
    moved[:100] += 1e6 * shift / np.linalg.norm(shift)
    centred = X - X.mean(axis=0)
    mean = np.linalg.norm(centred[:100].mean(axis=0))
    limit = 1000 * 0.1 * mean**2 / (0.9 * np.linalg.norm(centred.T @ centred))
    assert regions.cka(X, moved).value == pytest.approx(limit, rel=1e-3)
    assert regions.cca(X, moved).value > 0.9
    one = X.copy()
    one[3] *= 1e4
    assert regions.cka(X, one).details["largest_share"] > 0.99


# -- Procrustes and regression ------------------------------------------------------------------


def test_procrustes_is_the_bures_similarity_and_the_distance_of_ding():
    X, Y = related(np.random.default_rng(18), n=80)
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    K, L = X @ X.T, Y @ Y.T
    eigen, vectors = np.linalg.eigh(K)
    root = vectors * np.sqrt(np.clip(eigen, 0, None)) @ vectors.T
    inner = np.sqrt(np.clip(np.linalg.eigvalsh(root @ L @ root), 0, None)).sum()
    similarity = regions.procrustes(X, Y).value
    assert similarity == pytest.approx(inner / np.sqrt(np.trace(K) * np.trace(L)), abs=1e-6)
    padded = np.column_stack([Y, np.zeros(80)])  # the best rotation of equal widths, explicitly
    left, _, right = np.linalg.svd(padded.T @ X)
    gap = X / np.linalg.norm(X) - padded @ left @ right / np.linalg.norm(Y)
    distance = regions.procrustes(X, Y, kind="squared_distance").value
    assert distance == pytest.approx(np.linalg.norm(gap) ** 2, abs=1e-12)
    assert distance == pytest.approx(2 - 2 * similarity)


@few
@given(seeds)
def test_angular_distance_obeys_the_triangle_inequality(seed):
    rng = np.random.default_rng(seed)
    layers = [rng.standard_normal((60, p)) for p in (2, 5, 4)]
    d = {
        (i, j): regions.procrustes(layers[i], layers[j], kind="angular_distance").value
        for i, j in itertools.permutations(range(3), 2)
    }
    assert d[0, 2] <= d[0, 1] + d[1, 2] + 1e-9


def test_deleting_a_principal_component():
    rng = np.random.default_rng(19)
    X = rng.standard_normal((400, 6)) @ well_conditioned(rng, 6, condition=4)
    X -= X.mean(axis=0)
    left, s, right = np.linalg.svd(X, full_matrices=False)
    for i in range(6):
        without = left @ np.diag(np.where(np.arange(6) == i, 0, s)) @ right
        share = s[i] ** 2 / (s**2).sum()
        share2 = s[i] ** 4 / (s**4).sum()
        assert regions.cka(X, without).value == pytest.approx(np.sqrt(1 - share2), abs=1e-8)
        assert regions.procrustes(X, without).value == pytest.approx(np.sqrt(1 - share), abs=1e-8)
        result = regions.cca(X, without)
        assert (result.k, result.value) == (5, pytest.approx(1, abs=1e-10))


def test_regression_r2_is_that_of_least_squares():
    X, Y = related(np.random.default_rng(20))
    design = np.column_stack([np.ones(400), X])
    residual = Y - design @ np.linalg.lstsq(design, Y, rcond=None)[0]
    expected = 1 - (residual**2).sum() / ((Y - Y.mean(axis=0)) ** 2).sum()
    assert regression_r2(X, Y).value == pytest.approx(expected, abs=1e-12)
    doubled = np.column_stack([X, X[:, :2]])
    assert regression_r2(doubled, Y).value == pytest.approx(expected, abs=1e-10)
