"""Every supported spelling gives the model's own function; everything else is refused by name."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize, prune

import regions
from regions.errors import ArgumentError, ConversionError, RegionsError, UnsupportedModelError


class Residual(nn.Module):
    """Everything a CIFAR ResNet does: in-place additions, strided shortcut padded with zeros."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.conv1 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        y = self.conv2(torch.relu(self.conv1(x)))
        y += F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        y = F.relu(y, inplace=True)
        return self.head(y.mean([2, 3]))


class Shared(nn.Module):
    """One layer used twice, a method call, arithmetic with constants."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.register_buffer("shift", torch.arange(6.0))

    def forward(self, x):
        x = self.inner((x - self.shift) * 2 / 3).relu()
        return -self.inner(x).relu_() + 1


class Functional(nn.Module):
    """Weights used through functions."""

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.randn(5, 4))
        self.second = nn.Parameter(torch.randn(5, 3))

    def forward(self, x):
        return F.leaky_relu(F.linear(x, self.first), 0.2) @ self.second


class Asserting(nn.Module):
    """Control flow on shapes: torch.fx cannot trace it, torch.export can."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding="same")
        self.norm = nn.BatchNorm2d(3)
        self.pool = nn.AvgPool2d(3, 2, padding=1)
        self.head = nn.Linear(27, 4)

    def forward(self, x):
        if x.shape[1] != 1:
            raise ValueError("one channel")
        x = self.pool(F.leaky_relu(self.norm(self.conv(x)), 0.1))
        x = x.view(x.size(0), -1)
        assert x.shape[1] == 27
        return self.head(x)


def nested():
    block = nn.Sequential(nn.Linear(6, 7), nn.ReLU(inplace=True), nn.Dropout(0.5))
    return nn.Sequential(block, nn.Sequential(nn.Identity(), nn.Linear(7, 3, bias=False)))


def signal():
    layers = [nn.Conv1d(2, 6, 3, stride=2, padding=2, dilation=2, groups=2), nn.LeakyReLU(0.3)]
    layers += [nn.BatchNorm1d(6), nn.AvgPool1d(2, ceil_mode=True), nn.AdaptiveAvgPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(12, 2))


def image():
    layers = [nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), nn.ReLU()]
    layers += [nn.AvgPool2d(2, 1, 1, count_include_pad=False), nn.AdaptiveAvgPool2d((3, 2))]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 3))


MODELS = {
    "residual": (Residual, (3, 8, 8)),
    "shared": (Shared, (6,)),
    "functional": (Functional, (4,)),
    "asserting": (Asserting, (1, 6, 6)),
    "nested": (nested, None),
    "signal": (signal, (2, 15)),
    "image": (image, (2, 7, 6)),
    "ends in relu": (lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU()), None),
}


def make(name):
    torch.manual_seed(0)
    model, shape = MODELS[name][0](), MODELS[name][1]
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):  # as if it had been trained
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, -1, 1)
            nn.init.uniform_(module.bias, -1, 1)
    return model, shape


@pytest.mark.parametrize("name", MODELS)
def test_description_equals_the_model(name):
    model, shape = make(name)
    net = regions.as_network(model, shape)
    x = torch.randn(5, *net.input_shape, dtype=torch.float64)
    expected = copy.deepcopy(model).double().eval()(x).detach().numpy()
    np.testing.assert_allclose(net(x.numpy()), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_chain_form_equals_the_network(name):
    net = regions.as_network(*make(name))
    x = np.random.default_rng(1).standard_normal((4, net.input_size))
    state = x.T
    for layer in net.layers():
        value = layer.matrix @ state + layer.bias[:, None]
        units = value[: layer.units]
        state = np.vstack([np.where(units > 0, units, layer.slope * units), value[layer.units :]])
    np.testing.assert_allclose(state.T, net(x).reshape(4, -1), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_columns_pushed_on_a_cell_give_its_affine_map(name):
    """On the cell of x the outputs are A x + c, with A from directions and c from the origin."""
    net = regions.as_network(*make(name))
    x = np.random.default_rng(2).standard_normal(net.input_size)
    rows = np.vstack([np.eye(net.input_size), np.zeros(net.input_size)])
    homogeneous = np.append(np.zeros(net.input_size), 1.0)
    pattern, start, state = net.pattern(x[None])[0], 0, net.start(rows)
    for index, layer in enumerate(net.relu_layers):
        _, state = net.advance(state, index, homogeneous)
        active = pattern[start : start + layer.size]
        state = net.activate(state, index, net.slopes(index, active))
        start += layer.size
    columns, _ = net.advance(state, len(net.relu_layers), homogeneous)
    np.testing.assert_allclose(x @ columns[:-1] + columns[-1], net(x[None]).ravel(), atol=1e-10)


def test_names_and_widths_are_those_of_the_modules():
    net = regions.as_network(*make("residual"))
    assert [layer.name for layer in net.relu_layers] == ["stem", "conv1", "conv2"]
    assert net.widths == (192, 256, 128, 128, 5)
    assert list(net.prunable) == ["stem", "conv1", "conv2", "head"]
    assert net.prunable["conv1"] == (8, 4, 3, 3)
    shared = regions.as_network(*make("shared"))
    assert [layer.name for layer in shared.relu_layers] == ["inner", "inner#2"]
    assert list(shared.prunable) == ["inner"]
    assert list(regions.as_network(*make("functional")).prunable) == ["first", "second"]
    exported = regions.as_network(*make("asserting"))
    assert exported.prunable == {"conv": (3, 1, 3, 3), "head": (4, 27)}


def test_a_list_of_layers():
    rng = np.random.default_rng(0)
    pairs = [(rng.standard_normal((4, 3)), rng.standard_normal(4)), (np.ones((2, 4)), None)]
    net = regions.as_network(pairs)
    x = rng.standard_normal((6, 3))
    expected = np.maximum(x @ pairs[0][0].T + pairs[0][1], 0) @ pairs[1][0].T
    np.testing.assert_allclose(net(x), expected)
    assert list(net.prunable) == ["layer1", "output"]
    parameters = [(nn.Parameter(torch.tensor(w)), b) for w, b in pairs]
    np.testing.assert_array_equal(regions.as_network(parameters)(x), net(x))
    first = nn.Linear(3, 4)
    np.testing.assert_allclose(
        regions.as_network([(first.weight, first.bias)])(x),
        copy.deepcopy(first).double()(torch.from_numpy(x)).detach().numpy(),
    )
    assert regions.as_network(net) is net


def pruned_by(method):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    if method == "prune":
        prune.l1_unstructured(model[0], "weight", 0.5)
        prune.random_unstructured(model[2], "weight", 3)
        with torch.no_grad():
            model[0].weight_orig.mul_(2.0)  # model[0].weight is stale until the next forward
    elif method == "parametrize":

        class Doubled(nn.Module):
            def forward(self, weight):
                return 2 * weight * (weight > 0)

        parametrize.register_parametrization(model[0], "weight", Doubled())
    else:
        model[0] = nn.utils.parametrizations.weight_norm(model[0])
    return model


@pytest.mark.parametrize("method", ["prune", "parametrize", "weight_norm"])
def test_pruned_and_parametrized_weights_are_never_stale(method):
    model = pruned_by(method)
    net = regions.as_network(model)
    if method == "prune":
        stale = model[0].weight.detach().numpy()
        fresh = (model[0].weight_orig * model[0].weight_mask).detach().numpy()
        np.testing.assert_allclose(net.weights["0"], fresh)
        assert not np.allclose(stale, fresh)
        model(torch.zeros(1, 6))  # a forward pass makes `weight` a tensor with a history
        np.testing.assert_allclose(regions.as_network(model).weights["0"], fresh)
    x = torch.randn(3, 6)
    np.testing.assert_allclose(net(x.numpy()), model.eval()(x).detach().numpy(), atol=1e-5)


def test_the_model_comes_back_untouched():
    model, shape = make("residual")
    prune.l1_unstructured(model.conv1, "weight", 0.5)
    model.train()
    calls = []
    model.head.register_forward_hook(lambda *_: calls.append(1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    objects = {name: id(value) for name, value in model.state_dict(keep_vars=True).items()}
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    regions.as_network(model, shape)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert all(module.training for module in model.modules())
    assert len(model.head._forward_hooks) == 1 and not calls  # nor what hooks refer to
    assert {n: id(v) for n, v in model.state_dict(keep_vars=True).items()} == objects
    assert all(torch.equal(value, before[n]) for n, value in model.state_dict().items())
    assert hasattr(model.conv1, "weight_orig")


def test_masked_multiplies_weights():
    net = regions.as_network([(np.ones((2, 3)), np.ones(2)), (np.ones((1, 2)), None)])
    mask = np.array([[1, 0, 0], [0, 0, 0]], dtype=bool)
    thin = net.masked({"layer1": mask})
    assert thin.weights["layer1"].tolist() == mask.astype(float).tolist()
    assert net.weights["layer1"].min() == 1.0
    with pytest.raises(ArgumentError, match="layer1"):
        net.masked({"layer1": mask.T})


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x


class Product(nn.Module):
    def forward(self, x):
        return x * x


class Mixing(nn.Module):
    def forward(self, x):
        return x.reshape(-1)[:2]


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return F.dropout(self.layer(x))


def counting_hook():
    """Its output changes from call to call."""
    model, calls = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), []
    model[0].register_forward_hook(lambda module, args, out: (calls.append(1), out + len(calls))[1])
    return model


def with_nan():
    model = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    return model


class Indices(nn.Module):
    def forward(self, x):
        return nn.functional.max_pool2d(x, 2, return_indices=True)[1].to(x.dtype)


REFUSED = {
    "tanh": (lambda: nn.Sequential(nn.Linear(2, 2), nn.Tanh()), None, "'1'.*Tanh.*Supported"),
    "gelu": (lambda: nn.Sequential(nn.Linear(2, 2), nn.GELU()), None, "GELU.*not piecewise"),
    "indices of maxima": (
        lambda: nn.Sequential(Indices(), nn.Flatten()),
        (1, 4, 4),
        "max_pool2d_with_indices",
    ),
    "softmax": (lambda: nn.Sequential(nn.Linear(2, 2), nn.Softmax(1)), None, "Softmax"),
    "layer norm": (lambda: nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), None, "LayerNorm"),
    "batch statistics": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)),
        None,
        "track_running_stats",
    ),
    "control flow": (Flow, None, "control flow"),
    "two inputs": (TwoInputs, (2,), "cannot be run"),
    "product": (Product, (2,), "multiplies two values"),
    "mixed samples": (Mixing, (2,), "batch|samples"),
    "dropout in eval": (Noisy, None, "random even in eval"),
    "state dict": (lambda: nn.Linear(2, 2).state_dict(), None, "state_dict"),
    "no shape": (lambda: nn.Sequential(nn.Conv2d(1, 1, 3)), None, "input_shape"),
    "wrong shape": (lambda: nn.Sequential(nn.Linear(3, 2)), (4,), "input_shape"),
    "empty shape": (lambda: nn.Sequential(nn.Linear(3, 2)), (), "positive sizes"),
    "nan": (with_nan, None, "'0.weight' holds 1 NaN"),
    "hook with a state": (counting_hook, None, "two runs.*hook"),
    "an array": (lambda: np.ones((2, 2)), None, "ndarray"),
    "a string": (lambda: "model.pth", None, r"\.onnx"),
    "a missing file": (lambda: "nowhere.onnx", None, "nowhere"),
    "empty list": (lambda: [], None, "empty"),
    "pairs that do not fit": (
        lambda: [(np.ones((2, 3)), np.zeros(2)), (np.ones((1, 3)), np.zeros(1))],
        None,
        "fed 2 values",
    ),
    "wrong bias": (lambda: [(np.ones((2, 3)), np.zeros(3))], None, "shape"),
    "not pairs": (lambda: [np.ones((2, 3))], None, "pair 0"),
    "words for weights": (lambda: [("weights", "bias")], None, "pair 0"),
    "infinite weights": (lambda: [(np.full((2, 3), np.inf), None)], None, "infinite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsupported_models_are_refused_by_name(name):
    make_model, shape, message = REFUSED[name]
    with pytest.raises(RegionsError, match=message):
        regions.as_network(make_model(), shape)


def test_errors_have_their_documented_types():
    with pytest.raises(UnsupportedModelError):
        regions.as_network(nn.Sequential(nn.Linear(2, 2), nn.Tanh()))
    with pytest.raises(ConversionError):
        regions.as_network(counting_hook())
    with pytest.raises(ArgumentError):
        regions.as_network(with_nan())


def test_verification_can_fail():
    """A wrong weight, however small against rounding, is noticed."""
    from regions.networks.probes import probe_points
    from regions.networks.verify import verify

    model, shape = make("residual")
    net = regions.as_network(model, shape)
    changed = dict(net.parameters)
    changed["conv2.weight"] = changed["conv2.weight"] * (1 + 1e-6)
    wrong = regions.ReLUNetwork(net.graph, changed)
    points = probe_points(net)
    verify(net, points, {None: net(points)}, "the model")
    with pytest.raises(ConversionError, match="rounding"):
        verify(wrong, points, {None: net(points)}, "the model")


def test_graph_survives_json():
    from regions.networks import Graph

    for name in MODELS:
        graph = regions.as_network(*make(name)).graph
        assert Graph.from_json(graph.to_json()) == graph


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((2, 4)), np.zeros((2, 3, 1))])
def test_points_of_the_wrong_shape(points):
    net = regions.as_network([(np.ones((2, 3)), None)])
    with pytest.raises(ArgumentError, match="points"):
        net(points)
