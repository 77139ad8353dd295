"""Reads a fitted multi-layer perceptron of scikit-learn from its arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from regions.errors import ArgumentError, ConversionError, UnsupportedModelError
from regions.networks.builder import Builder
from regions.networks.network import ReLUNetwork
from regions.networks.probes import probe_points

_LEFT_OFF = {"identity": None, "softmax": "softmax", "logistic": "sigmoid"}


def is_perceptron(model: Any) -> bool:
    """Tell whether `model` is an MLPClassifier or MLPRegressor, without importing scikit-learn."""
    kinds = [kind for kind in type(model).__mro__ if kind.__module__.startswith("sklearn.neural")]
    return any(kind.__name__ in ("MLPClassifier", "MLPRegressor") for kind in kinds)


def read_perceptron(model: Any) -> ReLUNetwork:
    """Return a fitted perceptron; the softmax or sigmoid of a classifier is left off.

    The layers are called "layer1", "layer2", ..., "output".
    """
    kind = type(model).__name__
    if not hasattr(model, "coefs_"):
        raise ArgumentError(f"the {kind} is not fitted; call fit first")
    if model.activation not in ("relu", "identity"):
        raise UnsupportedModelError(
            f"the {kind} has the activation {model.activation!r}, which is not piecewise linear; "
            "fit one with activation='relu' or 'identity'"
        )
    pairs = list(zip(model.coefs_, model.intercepts_, strict=True))
    builder = Builder((len(pairs[0][0]),))
    value = builder.input
    for number, (weight, bias) in enumerate(pairs, start=1):
        last = number == len(pairs)
        weight, bias = np.asarray(weight, np.float64).T, np.asarray(bias, np.float64)
        value = builder.linear(value, weight, bias, "output" if last else f"layer{number}")
        if not last and model.activation == "relu":
            value = builder.relu(value)
    net = builder.finish(value)
    left_off = _LEFT_OFF[model.out_activation_]
    _check(model, net, left_off)
    return replace(net, left_off=left_off)


def _check(model: Any, net: ReLUNetwork, left_off: str | None) -> None:
    """Raise ConversionError unless the network gives the model's own predictions."""
    points = probe_points(net)
    out = net(points)
    if left_off == "sigmoid":
        out = 1.0 / (1.0 + np.exp(-np.clip(out, -700, 700)))
        out = np.hstack([1.0 - out, out]) if out.shape[1] == 1 else out
    elif left_off == "softmax":
        out = np.exp(out - out.max(axis=1, keepdims=True))
        out /= out.sum(axis=1, keepdims=True)
    found = model.predict(points) if left_off is None else model.predict_proba(points)
    out, found = out.reshape(len(points), -1), np.asarray(found).reshape(len(points), -1)
    precision = 1e-3 if model.coefs_[0].dtype == np.float32 else 1e-7
    if np.abs(out - found).max() > precision * (1.0 + np.abs(found).max()):
        raise ConversionError(
            f"the {type(model).__name__} and its description differ; please report this model"
        )
