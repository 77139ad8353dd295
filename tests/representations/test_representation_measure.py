"""Each measure keeps what it declares, and breaks what it does not declare."""

import numpy as np
import pytest
from activations import related, well_conditioned

import regions
from regions.representations import (
    MEASURES,
    PWCCA,
    pair_of,
)


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
