"""The kernel of a finite network: three independent computations, masks, scales, rescaling."""

import copy
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

import regions
from regions import theory
from regions.errors import ArgumentError, UnsupportedModelError
from regions.theory.module_ntk import module_ntk
from regions.theory.perceptron import read_perceptron
from regions.training import build_model


def by_autograd(model, x, y, masks=None, scales=None):
    """Return the kernel from one backward pass per point and output, float64."""
    twin = copy.deepcopy(model).double().eval()
    names = [n for n, m in twin.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    factors = {}
    for position, name in enumerate(names):
        scale = 1.0 if scales is None else scales[position]
        mask = np.ones(()) if masks is None or name not in masks else masks[name]
        factors[f"{name}.weight"] = scale * torch.tensor(np.asarray(mask, dtype=float))
    parameters = {n: p.detach().requires_grad_() for n, p in twin.named_parameters()}

    def gradients(points):
        rows = []
        for point in torch.tensor(points, dtype=torch.float64):
            used = {n: p * factors.get(n, 1.0) for n, p in parameters.items()}
            out = torch.func.functional_call(twin, used, (point[None],)).reshape(-1)
            grads = [
                torch.autograd.grad(value, list(parameters.values()), retain_graph=True)
                for value in out
            ]
            rows.append(torch.cat([g.reshape(-1) for grad in grads for g in grad]).numpy())
        return np.stack(rows)

    return gradients(x) @ gradients(y).T


def perceptron(outputs=3, bias=True, slope=0.0, seed=0):
    torch_relu = (lambda: nn.ReLU()) if slope == 0 else (lambda: nn.LeakyReLU(slope))
    sizes = [5, 9, 8]
    parts = [p for a, b in pairwise(sizes) for p in (nn.Linear(a, b, bias=bias), torch_relu())]
    model = nn.Sequential(*parts, nn.Linear(8, outputs, bias=bias))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


def random_masks(model, density, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.random(tuple(part.weight.shape)) < density
        for name, part in model.named_modules()
        if isinstance(part, (nn.Linear, nn.Conv2d))
    }


def points(rows, shape=(5,), seed=1):
    return np.random.default_rng(seed).standard_normal((rows, *shape))


@pytest.mark.parametrize("density", [None, 0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("options", [{}, {"outputs": 1, "bias": False}, {"slope": 0.2}])
def test_perceptron_agrees_with_autograd(density, options, monkeypatch):
    monkeypatch.setattr("regions.theory.perceptron_ntk._COLUMNS", 7)
    model = perceptron(**options)
    masks = None if density is None else random_masks(model, density)
    x, y, scales = points(11), points(4, seed=2), [0.7, 2.0, 0.3]
    assert read_perceptron(model, (5,)) is not None
    for factors in (None, scales):
        expected = by_autograd(model, x, y, masks, factors)
        # which units' gradients are written out, and both ways of the NumPy form
        for light, rows in product((0, 15, 256), (11, 3)):
            monkeypatch.setattr("regions.theory.perceptron_ntk._LIGHT", light)
            found = theory.empirical_ntk(model, x[:rows], y, masks, scales=factors)
            np.testing.assert_allclose(found, expected[:rows], rtol=1e-10, atol=1e-10)
        full = {n: (1.0, None) for n in random_masks(model, 1)}
        names = zip(full, factors or [1.0] * 3, strict=True)
        pairs = {n: (s, None if masks is None else masks[n]) for n, s in names}
        through_torch = module_ntk(model, x, y, pairs)
        np.testing.assert_allclose(through_torch, expected, rtol=1e-10, atol=1e-10)


def test_lists_networks_and_modules_agree():
    model = perceptron()
    pairs = [
        (p.weight.detach().numpy(), p.bias.detach().numpy()) for p in model if hasattr(p, "weight")
    ]
    x, masks = points(12), random_masks(model, 0.4)
    expected = theory.empirical_ntk(model, x, x, masks)
    renamed = dict(zip(("layer1", "layer2", "output"), masks.values(), strict=True))
    for other, its_masks in ((pairs, renamed), (regions.as_network(model), masks)):
        np.testing.assert_allclose(theory.empirical_ntk(other, x, masks=its_masks), expected)


def test_unit_scales_of_the_tangent_parameterisation_match_folded_weights():
    """Scaled weights have the same function; only the kernel tells the parameterisations apart."""
    model = perceptron(outputs=1, bias=False)
    scales, x = theory.ntk_scales([5, 9, 8, 1], 0.25), points(10)
    with torch.no_grad():
        folded = copy.deepcopy(model)
        for scale, part in zip(scales, (p for p in folded if hasattr(p, "weight")), strict=True):
            part.weight *= scale
    masks = random_masks(model, 0.25)
    right = theory.empirical_ntk(model, x, x, masks, scales=scales)
    np.testing.assert_allclose(right, by_autograd(model, x, x, masks, scales), atol=1e-9)
    lost = theory.empirical_ntk(folded, x, x, masks)
    assert not np.allclose(right, lost, rtol=0.2)  # folding loses the squared factors


def test_dense_mask_is_no_mask_and_repeated_rows_share_their_product(monkeypatch):
    monkeypatch.setattr("regions.theory.perceptron_ntk._LIGHT", 0)
    model, x = perceptron(), points(10)
    ones = random_masks(model, 1.0)
    np.testing.assert_allclose(
        theory.empirical_ntk(model, x, masks=ones), theory.empirical_ntk(model, x), rtol=1e-12
    )
    striped = {n: np.tile(np.arange(m.shape[1]) % 2 == 0, (len(m), 1)) for n, m in ones.items()}
    expected = by_autograd(model, x, x, striped)
    np.testing.assert_allclose(theory.empirical_ntk(model, x, masks=striped), expected, atol=1e-9)


def test_gram_is_symmetric_and_positive():
    model, x = perceptron(), points(20)
    kernel = theory.empirical_ntk(model, x, masks=random_masks(model, 0.5))
    np.testing.assert_allclose(kernel, kernel.T, rtol=1e-12)
    assert np.linalg.eigvalsh(kernel).min() > -1e-9


def test_zero_weights_are_parameters_unless_masked():
    net = [(np.array([[1.0, 0.0]]), None), (np.array([[1.0]]), None)]
    assert theory.empirical_ntk(net, [1.0, 1.0]) == 3.0
    assert theory.empirical_ntk(net, [1.0, 1.0], masks={"layer1": [[1, 0]]}) == 2.0


class Residual(nn.Module):
    """A convolution, batch norm, a skip connection and a smooth activation."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.last = nn.Linear(3 * 4 * 4, 2)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        return self.last((x + torch.tanh(self.second(x))).flatten(1))


def seeded(builder):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return builder()


def test_any_module_agrees_with_autograd_and_stays_untouched():
    model = seeded(Residual).train()
    state = {n: v.clone() for n, v in model.state_dict().items()}
    x, y, masks = points(5, (1, 4, 4)), points(3, (1, 4, 4), 2), random_masks(model, 0.5)
    del masks["first"]
    found = theory.empirical_ntk(model, x, y, masks, scales=[1.0, 0.5, 2.0])
    expected = by_autograd(model, x, y, masks, [1.0, 0.5, 2.0])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert model.training and model.last.weight.dtype == torch.float32
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_blocks_of_points_join(monkeypatch):
    model = build_model("convnet", (1, 8, 8), 2, width=2)
    x, y = points(7, (1, 8, 8)), points(4, (1, 8, 8), 2)
    whole = [theory.empirical_ntk(model, x), theory.empirical_ntk(model, x, y)]
    monkeypatch.setattr("regions.theory.module_ntk._BLOCK_NUMBERS", 3000)
    for before, after in zip(
        whole, (theory.empirical_ntk(model, x), theory.empirical_ntk(model, x, y)), strict=True
    ):
        np.testing.assert_allclose(after, before, rtol=1e-10)


@pytest.mark.parametrize("how", ["prune", "parametrize"])
def test_masks_that_a_module_carries_count(how):
    model, x = perceptron(), points(10)
    masks = random_masks(model, 0.5)
    expected = theory.empirical_ntk(model, x, masks=masks)
    carrying = copy.deepcopy(model)
    for name, mask in masks.items():
        part, kept = carrying.get_submodule(name), torch.from_numpy(mask)
        if how == "prune":
            prune.custom_from_mask(part, "weight", kept)
        else:
            parametrize.register_parametrization(part, "weight", Times(kept))
    np.testing.assert_allclose(theory.empirical_ntk(carrying, x), expected, rtol=1e-10)
    np.testing.assert_allclose(theory.empirical_ntk(carrying, x, masks=masks), expected, rtol=1e-10)
    more = random_masks(model, 0.5, seed=9)
    both = {name: mask & more[name] for name, mask in masks.items()}
    np.testing.assert_allclose(
        theory.empirical_ntk(carrying, x, masks=more),
        theory.empirical_ntk(model, x, masks=both),
        rtol=1e-10,
    )


class Times(nn.Module):
    def __init__(self, kept):
        super().__init__()
        self.register_buffer("kept", kept)

    def forward(self, weight):
        return weight * self.kept


def test_masks_of_prune_fit():
    model, x = perceptron(), points(6)
    masks = regions.prune(model, 0.5)
    found = theory.empirical_ntk(model, x, masks=masks)
    np.testing.assert_allclose(found, by_autograd(model, x, x, masks), rtol=1e-9)


@pytest.mark.parametrize("bias", [False, True])
def test_rescaling_keeps_regions_exactly_when_there_are_no_biases(bias):
    model = perceptron(outputs=1, bias=bias)
    masks = random_masks(model, 0.5)
    plain = regions.as_network(model).masked(masks)
    rescaled = theory.rescale(model, masks, dict.fromkeys(masks, 0.5))
    grid = points(20_000)
    patterns = [np.unique(net.pattern(grid), axis=0) for net in (plain, rescaled)]
    same = np.array_equal(plain.pattern(grid), rescaled.pattern(grid))
    assert same is not bias
    assert len(patterns[0]) > 100
    assert (len(patterns[0]) == len(patterns[1])) is not bias


def test_rescale_divides_by_the_root_of_the_fraction_kept():
    model, masks = perceptron(), {"0": np.eye(9, 5, dtype=bool)}
    net = theory.rescale(model, masks)
    weight = model[0].weight.detach().double().numpy()
    np.testing.assert_allclose(net.weights["0"], weight * masks["0"] * np.sqrt(9))
    np.testing.assert_allclose(net.weights["2"], model[2].weight.detach().double().numpy())


NET = [(np.ones((4, 3)), None), (np.ones((2, 4)), None)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.empirical_ntk(NET, np.ones((2, 4))), "the network has 3 inputs"),
        (lambda: theory.empirical_ntk(NET, np.ones(3), np.ones(2)), "y has points of shape"),
        (lambda: theory.empirical_ntk(NET, [1.0, np.inf, 1.0]), "NaN or infinite"),
        (lambda: theory.empirical_ntk(NET, np.ones(3), masks={"fc1": np.ones((4, 3))}), "'fc1'"),
        (lambda: theory.empirical_ntk(NET, np.ones(3), masks={"layer1": np.ones((3, 4))}), "names"),
        (lambda: theory.empirical_ntk(NET, np.ones(3), masks=[np.ones((4, 3))]), "got list"),
        (lambda: theory.empirical_ntk(NET, np.ones(3), scales=[1.0]), "one positive number"),
        (lambda: theory.empirical_ntk(NET, np.ones(3), scales=[1.0, 0.0]), "one positive"),
        (lambda: theory.ntk_scales([3]), "widths must be"),
        (lambda: theory.ntk_scales([3, 2, 1], [1.0, 0.0]), "cannot be rescaled"),
        (lambda: theory.ntk_scales([3, 2, 1], [1.0, 1.0, 1.0]), "one per matrix"),
        (lambda: theory.rescale(NET, {"layer1": np.zeros((4, 3))}), "cannot be rescaled"),
        (lambda: theory.rescale(NET, {"layer1": np.ones((4, 3))}, {"output": 0.5}), "the masks"),
        (lambda: theory.empirical_ntk(nn.ReLU(), np.ones((2, 3))), "no parameters"),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_modules_that_cannot_be_run_or_differentiated_say_why():
    model = build_model("convnet", (1, 8, 8), 2, width=2)
    with pytest.raises(ArgumentError, match=r"cannot be run on a point of shape \(3, 8, 8\)"):
        theory.empirical_ntk(model, points(2, (3, 8, 8)))
    with pytest.raises(ArgumentError, match=r"but y of \(1, 9, 9\)"):
        theory.empirical_ntk(model, points(2, (1, 8, 8)), points(2, (1, 9, 9)))
    with pytest.raises(ArgumentError, match="shape"):
        theory.empirical_ntk(perceptron(), points(2, (4,)))
    with pytest.raises(UnsupportedModelError, match="returns a tuple"):
        theory.empirical_ntk(nn.LSTM(3, 2), points(2, (3,)))
    with pytest.raises(UnsupportedModelError, match=r"torch\.func cannot differentiate"):
        module_ntk(Branching(), points(2), points(2), {})


class Branching(nn.Module):
    """Its path depends on the value of a point, which vmap refuses."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 1)

    def forward(self, x):
        return self.linear(x) if x.sum().item() > 0 else -self.linear(x)


def test_networks_without_a_module_must_be_perceptrons():
    net = regions.as_network(build_model("convnet", (1, 8, 8), 2, width=2), (1, 8, 8))
    with pytest.raises(UnsupportedModelError, match=r"give the torch\.nn\.Module"):
        theory.empirical_ntk(net, np.ones((1, 1, 8, 8)))
