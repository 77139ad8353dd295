"""Pairs of related activations, and maps of neurons, that several test files share."""

import numpy as np


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
