"""Gradient and undecayed scores in both conventions of weight decay."""

import copy

import numpy as np
import pytest
import torch
from torch.nn.utils import prune as torch_prune

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning import Request
from regions.pruning.criteria.gradient import Gradient
from regions.pruning.criteria.undecayed import Undecayed
from regions.pruning.model.reading import read_model

DECAY = 0.05


def batch(n=40, features=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    return rng.normal(size=(n, features)) + labels[:, None] * 0.5, labels


def options(convention, **changes):
    inputs, labels = batch()
    given = {"inputs": inputs, "labels": labels, "weight_decay": DECAY, "gradient": convention}
    return {**given, **changes}


def network(seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return model.double()


def scores(criterion, model, convention):
    reading = read_model(model)
    request = Request(
        model=model, weights=reading.weights, rng=np.random.default_rng(0), counts={},
        densities={}, scope="layer", reading=reading,
    )  # fmt: skip
    return criterion(**options(convention))(request)


def data_loss(model):
    inputs, labels = batch()
    with torch.no_grad():
        logits = model(torch.tensor(inputs))
        return float(torch.nn.functional.cross_entropy(logits, torch.tensor(labels)))


def finite_difference(model, name, place, step=1e-6):
    losses = []
    for sign in (1, -1):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            dict(moved.named_modules())[name].weight[place] += sign * step
        losses.append(data_loss(moved))
    return (losses[0] - losses[1]) / (2 * step)


def test_scores_against_finite_differences():
    model = network()
    for name, place in (("0", (2, 3)), ("2", (1, 4)), ("0", (0, 0))):
        w = dict(model.named_modules())[name].weight[place].item()
        g = finite_difference(model, name, place)
        expected = {
            (Gradient, "data"): abs(w * g),
            (Gradient, "regularised"): abs(w * (g + DECAY * w)),
            (Undecayed, "data"): abs(-w * g + DECAY * w * w),
            (Undecayed, "regularised"): abs(w * g),
        }
        for (criterion, convention), value in expected.items():
            found = scores(criterion, model, convention)[name][place]
            assert found == pytest.approx(value, rel=1e-5, abs=1e-9)


def test_at_a_minimum_of_the_regularised_loss():
    # no bias, one layer, convex: L-BFGS finds the minimum of cross-entropy + decay / 2 |w|^2
    inputs, labels = (torch.tensor(part) for part in batch())
    model = torch.nn.Sequential(torch.nn.Linear(6, 3, bias=False)).double()
    torch.nn.init.zeros_(model[0].weight)
    optimiser = torch.optim.LBFGS(
        model.parameters(),
        max_iter=500,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        loss = loss + DECAY / 2 * (model[0].weight ** 2).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    square = DECAY * model[0].weight.detach().numpy() ** 2
    assert np.abs(scores(Gradient, model, "regularised")["0"]).max() < 1e-7
    assert scores(Undecayed, model, "regularised")["0"] == pytest.approx(square, abs=1e-7)
    assert scores(Gradient, model, "data")["0"] == pytest.approx(square, abs=1e-7)
    assert scores(Undecayed, model, "data")["0"] == pytest.approx(2 * square, abs=1e-7)
    magnitude = regions.prune(model, {"0": 0.5})
    for criterion, convention in (("undecayed", "data"), ("undecayed", "regularised"),
                                  ("gradient", "data")):  # fmt: skip
        masks = regions.prune(model, {"0": 0.5}, criterion, **options(convention))
        assert masks == magnitude


def test_conventions_differ_elsewhere_and_agree_without_decay():
    model = network()
    masks = {
        (name, convention): regions.prune(model, 0.3, name, **options(convention))
        for name in ("gradient", "undecayed")
        for convention in ("data", "regularised")
    }
    assert masks["undecayed", "regularised"] == masks["gradient", "data"]
    assert masks["undecayed", "data"] != masks["gradient", "regularised"]
    free = [
        regions.prune(model, 0.3, name, **options(convention, weight_decay=0.0))
        for name, convention in masks
    ]
    assert all(mask == free[0] for mask in free)


def test_the_model_stays_as_it_is():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Dropout(0.5),
        torch.nn.Flatten(), torch.nn.Linear(4 * 16, 3),
    ).train()  # fmt: skip
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    images = np.random.default_rng(0).normal(size=(300, 1, 6, 6))
    labels = np.arange(300) % 3
    chosen = options("data", inputs=images, labels=labels)
    first = regions.prune(model, 0.2, "undecayed", prune_output=True, **chosen)
    again = regions.prune(model, 0.2, "undecayed", prune_output=True, **chosen)
    assert first == again and model.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_masked_weights_count_as_zeros():
    model, baked = network(), network()
    mask = torch.ones(5, 6)
    mask[:, ::2] = 0
    for each in (model, baked):
        torch_prune.custom_from_mask(each[0], "weight", mask)
    torch_prune.remove(baked[0], "weight")
    model(torch.zeros(1, 6).double())
    for criterion in ("gradient", "undecayed"):
        masks = regions.prune(model, {"0": 0.4}, criterion, **options("data"))
        assert masks == regions.prune(baked, {"0": 0.4}, criterion, **options("data"))
        assert not masks["0"][:, ::2].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"gradient": "autograd"}, "choose one of data, regularised"),
        ({"labels": np.zeros(3, dtype=int)}, "one integer label per input"),
        ({"labels": np.zeros(40)}, "integer class codes"),
        ({"inputs": np.full((40, 6), np.nan)}, "no finite gradient"),
    ],
)
def test_bad_options(changes, message):
    with pytest.raises(ArgumentError, match=message):
        regions.prune(network(), 0.5, "gradient", **options("data", **changes))


def test_nothing_is_left_implicit():
    with pytest.raises(ArgumentError, match=r"needs the option\(s\) weight_decay, gradient"):
        inputs, labels = batch()
        regions.prune(network(), 0.5, "undecayed", inputs=inputs, labels=labels)
    pairs = [(np.ones((2, 6)), None), (np.ones((3, 2)), None)]
    with pytest.raises(UnsupportedModelError, match="torch module"):
        regions.prune(pairs, 0.5, "gradient", **options("data"))


def test_random_pruning_of_all_layers_together_spares_no_layer():
    pairs = [(np.ones((100, 100)), None), (np.ones((10, 100)), None)]
    masks = regions.prune(pairs, 0.5, "random", scope="global", prune_output=True, rng=1)
    assert masks.total_density == 0.5
    # hypergeometric: the small layer keeps 500 +- 15 of its 1,000 weights
    assert 430 < masks["output"].sum() < 570
