"""Procrustes: Bures similarity, distances."""

import itertools

import numpy as np
import pytest
from activations import related
from hypothesis import given, settings
from hypothesis import strategies as st

import regions

few = settings(max_examples=15, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32 - 1)


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
