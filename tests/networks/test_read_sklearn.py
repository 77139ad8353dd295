"""Fitted perceptrons of scikit-learn give their own predictions."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import regions
from regions.errors import ArgumentError, UnsupportedModelError


def fitted(kind, classes=3, **options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    y = (x @ rng.normal(size=(4, classes))).argmax(axis=1) if kind is MLPClassifier else x[:, :2]
    options = {"hidden_layer_sizes": (7, 5), "max_iter": 30, "random_state": 0} | options
    return kind(**options).fit(x, y), rng.normal(size=(50, 4))


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_gives_its_logits(activation, classes):
    model, x = fitted(MLPClassifier, classes, activation=activation)
    net = regions.as_network(model)
    assert net.left_off == ("sigmoid" if classes == 2 else "softmax")
    out = net(x)
    expected = model.predict_proba(x)
    if classes == 2:
        np.testing.assert_allclose(1 / (1 + np.exp(-out[:, 0])), expected[:, 1])
    else:
        shares = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, expected)
    assert net.widths[1:-1] == ((7, 5) if activation == "relu" else ())


def test_a_regressor_is_taken_by_every_verb():
    model, x = fitted(MLPRegressor)
    net = regions.as_network(model)
    np.testing.assert_allclose(net(x), model.predict(x))
    assert net.left_off is None
    line = regions.Slice.through(x[:2])
    assert int(regions.count_regions(model, line)) == int(regions.count_regions(net, line))
    assert list(regions.prune(model, 0.5)) == ["layer1", "layer2", "output"]
    assert regions.upper_bound(model).value == regions.upper_bound(net).value


def test_others_are_refused_by_name():
    with pytest.raises(UnsupportedModelError, match="'tanh'"):
        regions.as_network(fitted(MLPRegressor, activation="tanh")[0])
    with pytest.raises(ArgumentError, match="not fitted"):
        regions.as_network(MLPClassifier())
