"""Activations with known answers, drawn from NumPy's frozen legacy generator."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_networks import build, convolutional, perceptron


def draws(seed):
    return np.random.RandomState(seed).standard_normal


def shared_signal():
    """F1: four shared directions plus noise."""
    z = draws(0)
    Z, A, B = z((1000, 4)), z((4, 5)), z((4, 6))
    E1, E2 = z((1000, 5)), z((1000, 6))
    return Z @ A + 0.5 * E1, Z @ B + 0.5 * E2


def independent():
    """F2: nothing shared."""
    z = draws(1)
    return z((500, 30)), z((500, 40))


def dead_units():
    """F3: ReLU layers; three units of X are 0 everywhere."""
    z = draws(2)
    Z, W1, W2 = z((800, 16)), z((16, 24)), z((16, 32))
    X, Y = np.maximum(Z @ W1 - 1, 0), np.maximum(Z @ W2 - 1, 0)
    X[:, [3, 7, 11]] = 0
    return X, Y


def decaying():
    """F4: decaying spectrum and an offset; condition numbers near 4000."""
    z = draws(3)
    Z, A, E1, B, E2 = z((2000, 20)), z((20, 20)), z((2000, 20)), z((20, 20)), z((2000, 20))
    s = 0.7 ** np.arange(20)
    return (Z * s) @ A + 0.001 * E1 + 3, (Z * s) @ B + 0.001 * E2


def planted():
    """F5: canonical correlations .95, .8, .5, .2."""
    z = draws(4)
    Z, E, M, N = z((5000, 4)), z((5000, 4)), z((4, 4)), z((4, 4))
    r = np.array([0.95, 0.8, 0.5, 0.2])
    return Z @ M, (Z * r + E * np.sqrt(1 - r**2)) @ N


def kornblith():
    """F6: the draws of Kornblith's published CKA demonstration."""
    z = draws(1337)
    X = z((100, 10))
    return X, z((100, 10)) + X


@pytest.fixture(scope="session")
def fixtures():
    return SimpleNamespace(
        F1=shared_signal(),
        F2=independent(),
        F3=dead_units(),
        F4=decaying(),
        F5=planted(),
        F6=kornblith(),
    )


@pytest.fixture
def networks():
    return build(perceptron, 0), build(perceptron, 1)


@pytest.fixture
def convnets():
    return build(convolutional, 0), build(convolutional, 1)
