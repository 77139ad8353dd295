"""Networks and brute-force helpers for the methods that remove whole units."""

import warnings
from functools import cache
from itertools import pairwise

import numpy as np

import regions
from regions.pruning.removal.gram import layer_grams
from regions.pruning.removal.units import find_units


def unit_layer(network, name):
    """Return one layer whose units can be removed, and the Grams of the layers that read it."""
    layer = find_units(network.graph)[0][name]
    return layer, lambda inputs: layer_grams(network, layer.readers, inputs)


def random_pairs(widths, seed=0, bias=True):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(rows, cols)) / np.sqrt(cols), rng.normal(size=rows) if bias else None)
        for cols, rows in pairwise(widths)
    ]


def relu(values):
    return np.maximum(values, 0.0)


@cache
def digits():
    """Return training and test images of the digits in [0, 1], and their labels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    return train_test_split(data.data / 16, data.target, test_size=0.25, random_state=0)


@cache
def digits_mlp(hidden, seed=0):
    """Return a small digits network trained by Adam, as (W, b) pairs."""
    from sklearn.neural_network import MLPClassifier

    images, _, labels, _ = digits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty epochs do not converge, and need not
        fitted = MLPClassifier((hidden,), max_iter=30, random_state=seed).fit(images, labels)
    return [(w.T, b) for w, b in zip(fitted.coefs_, fitted.intercepts_, strict=True)]


def accuracy(network):
    _, images, _, labels = digits()
    return (regions.as_network(network)(images).argmax(axis=1) == labels).mean()


def convnet(seed=0, channels=4):
    """Return conv - BN - relu - conv - relu - pool - flatten - linear - relu - linear."""
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, 5, 3, stride=2, dilation=2, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(20, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
        model[1].running_var.uniform_(0.5, 2.0, generator=generator)
    return model.double().eval()


IMAGE = (1, 8, 8)
