"""SNIP, GraSP and SynFlow: derivatives, conservation, invariances, nothing left behind."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

import regions
from regions.errors import ArgumentError, BudgetError, UnsupportedModelError
from regions.networks import as_network
from regions.pruning import CRITERIA, Request
from regions.pruning.criteria.grasp import GraSP
from regions.pruning.criteria.snip import SNIP
from regions.pruning.criteria.synflow import SynapticFlow, SynFlow
from regions.pruning.model.reading import read_model
from regions.training import build_model

DATA = ("snip", "grasp")


def batch(n=300, shape=(6,), classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    inputs = rng.normal(size=(n, *shape)) + labels.reshape(-1, *[1] * len(shape)) * 0.5
    return {"inputs": inputs, "labels": labels}


def request(model, counts=None, scope="layer", input_shape=None):
    reading = read_model(model, input_shape)
    counts = counts or {name: weight.size for name, weight in reading.weights.items()}
    weights = {name: reading.weights[name] for name in counts}
    return Request(
        model=model,
        weights=weights,
        rng=np.random.default_rng(0),
        counts=counts,
        densities={name: count / weights[name].size for name, count in counts.items()},
        scope=scope,
        reading=reading,
    )


def scaled(model, name, place, factor):
    """A copy with one weight multiplied, as a partly removed connection would be."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        dict(moved.named_modules())[name].weight[place] *= factor
    return moved


def loss_of(model, data, temperature=1.0):
    x, y = torch.tensor(data["inputs"]), torch.tensor(data["labels"])
    return functional.cross_entropy(model(x) / temperature, y)


def slope_of(model, name, place, value, step):
    """The derivative of a value in the factor of one weight, by central differences."""
    up, down = (value(scaled(model, name, place, 1 + s)) for s in (step, -step))
    return float(up - down) / (2 * step)


def flow_of(model, data, temperature):
    """|g|^2 over the weights that are not zero."""
    weights = [part.weight for part in model if hasattr(part, "weight")]
    slopes = torch.autograd.grad(loss_of(model, data, temperature), weights)
    kept = [weight != 0 for weight in weights]
    return float(sum((g[m] ** 2).sum() for g, m in zip(slopes, kept, strict=True)))


@pytest.fixture
def small(mlp):
    return mlp([6, 5, 3]).double()


PLACES = (("0", (2, 3)), ("0", (0, 0)), ("2", (1, 4)), ("2", (2, 0)))


def test_snip_is_the_derivative_in_the_mask(small):
    data = batch()
    scores = SNIP(**data)(request(small))
    for name, place in PLACES:
        slope = slope_of(small, name, place, lambda net: loss_of(net, data).detach(), 1e-6)
        assert scores[name][place] == pytest.approx(abs(slope), rel=1e-5, abs=1e-9)
    same = regions.prune(small, 0.3, "gradient", weight_decay=0.1, gradient="data", **data)
    assert regions.prune(small, 0.3, "snip", **data) == same


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_grasp_is_half_the_fall_of_the_gradient_flow(small, temperature):
    data = batch()
    with torch.no_grad():
        small[0].weight[1, 1] = 0.0  # pruned before: takes no part in the flow
    scores = GraSP(temperature=temperature, **data)(request(small))
    for name, place in PLACES:
        # removing the weight goes down: the flow then falls by twice the score
        slope = slope_of(small, name, place, lambda net: flow_of(net, data, temperature), 1e-5)
        assert 2 * scores[name][place] == pytest.approx(slope, rel=1e-4)
    if temperature == 200.0:
        default = regions.prune(small, 0.3, "grasp", **data)
        assert default == regions.prune(small, 0.3, "grasp", temperature=200, **data)


def test_grasp_keeps_what_carries_the_flow(small):
    # first order: thin every weight a little and see where the flow falls most
    data = batch(60)
    names = [(name, place) for name in ("0", "2") for place in np.ndindex(
        *dict(small.named_modules())[name].weight.shape)]  # fmt: skip
    here = flow_of(small, data, 200.0)
    falls = [here - flow_of(scaled(small, n, p, 1 - 1e-5), data, 200.0) for n, p in names]
    best = {names[index] for index in np.argsort(falls)[::-1][:9]}
    masks = regions.prune(small, 0.2, "grasp", scope="global", prune_output=True, **data)
    assert {(n, tuple(p)) for n in masks for p in np.argwhere(masks[n]).tolist()} == best


def synaptic_flow(network):
    return SynapticFlow(network)({n: np.abs(weight) for n, weight in network.weights.items()})


def flow_by_paths(pairs):
    """Sum over all paths of the products of their |w|, credited to each weight on the path."""
    sizes = [np.abs(weight) for weight, _ in pairs]
    flow = [np.zeros_like(size) for size in sizes]
    widths = [sizes[0].shape[1], *(len(size) for size in sizes)]
    for path in itertools.product(*map(range, widths)):
        steps = list(itertools.pairwise(path))
        product = np.prod([size[j, i] for size, (i, j) in zip(sizes, steps, strict=True)])
        for part, (i, j) in zip(flow, steps, strict=True):
            part[j, i] += product
    return flow


def test_synaptic_flow_is_a_sum_over_paths(pairs):
    network = as_network(pairs([3, 4, 2, 3]))
    found = synaptic_flow(network)
    for one, other in zip(found.values(), flow_by_paths(pairs([3, 4, 2, 3])), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("name, shape", [("mlp", (20,)), ("lenet5", (1, 28, 28))])
def test_flow_is_conserved_layer_by_layer(name, shape):
    network = as_network(build_model(name, shape, 4), shape)
    flow = synaptic_flow(network)
    totals = [value.sum() for value in flow.values()]
    np.testing.assert_allclose(totals, totals[0], rtol=1e-10)
    for one, after in itertools.pairwise(flow.values()):
        enters = one.reshape(len(one), -1).sum(axis=1)
        leaves = np.moveaxis(after, 1, 0).reshape(after.shape[1], -1).sum(axis=1)
        leaves = leaves.reshape(len(enters), -1).sum(axis=1)  # a channel is read at many places
        np.testing.assert_allclose(enters, leaves, rtol=1e-10)


def test_flow_is_conserved_inside_residual_blocks():
    model = build_model("resnet20", (3, 16, 16), 4, width=4)
    network = as_network(model, (3, 16, 16))
    flow = synaptic_flow(network)
    inner = [name for name in flow if name.endswith("conv1") and name != "conv1"]
    for name in inner:
        enters = flow[name].sum(axis=(1, 2, 3))
        leaves = flow[name.replace("conv1", "conv2")].sum(axis=(0, 2, 3))
        np.testing.assert_allclose(enters, leaves, rtol=1e-10)
    # the shortcut carries flow past the blocks, so they do not carry all of it
    assert len(inner) == 9 and flow[inner[0]].sum() < 0.99 * flow["fc"].sum()


@pytest.mark.parametrize(
    "name, shape, layers",
    [("mlp", (64,), 3), ("lenet5", (1, 28, 28), 5), ("convnet", (1, 8, 8), 4)],
)
def test_synflow_prunes_to_one_path(name, shape, layers):
    model = build_model(name, shape, 10)
    size = sum(weight.size for weight in read_model(model).weights.values())
    keep = {"density": layers / size, "scope": "global", "prune_output": True}
    density, how = keep.pop("density"), {**keep, "input_shape": shape}
    masks = regions.prune(model, density, "synflow", **how)
    assert list(masks.counts.values()) == [1] * layers
    assert masks.effective().fraction == 1.0
    # without the iterations, and without the flow, layers are emptied
    for criterion, options in (("synflow", {"rounds": 1}), ("magnitude", {})):
        with pytest.warns(UserWarning, match="no weight is kept in the layers"):
            plain = regions.prune(model, density, criterion, **how, **options)
        assert min(plain.counts.values()) == 0


def test_synflow_sees_no_signs_no_biases_and_no_data(pairs):
    original, rng = pairs([6, 7, 5, 3]), np.random.default_rng(1)
    other = [
        (weight * rng.choice([-1.0, 1.0], weight.shape), rng.normal(size=bias.shape))
        for weight, bias in original
    ]
    masks = regions.prune(original, 0.3, "synflow")
    assert regions.prune(other, 0.3, "synflow") == masks
    assert masks == regions.prune(as_network(original), 0.3, "synflow", rng=7)


def test_synflow_meets_every_count(pairs):
    wanted = {"layer1": 0.1, "layer2": 0.5, "output": 0.25}
    masks = regions.prune(pairs([10, 8, 6, 4]), wanted, "synflow")
    assert masks.counts == {"layer1": 8, "layer2": 24, "output": 6}
    how = {"scope": "global", "prune_output": True}
    repaired = regions.prune(pairs([10, 8, 6, 4]), 0.1, "synflow", True, **how)
    assert repaired.effective().fraction == 1.0
    assert sum(repaired.counts.values()) == round(0.1 * 152)
    # a layer that loses all its weights by order does not decide for the others
    with pytest.warns(UserWarning, match=r"\['layer2'\]"):
        empty = regions.prune(pairs([10, 8, 6, 4]), {"layer1": 0.1, "layer2": 1e-9}, "synflow")
    assert empty.counts["layer2"] == 0
    assert empty["layer1"].sum() == 8 and not empty["layer1"][0].all()


@pytest.mark.parametrize("criterion", ["grasp", "synflow"])
def test_weights_pruned_before_stay_pruned(mlp, criterion):
    model, data = mlp([8, 6, 3]), batch(40, (8,)) if criterion in DATA else {}
    with torch.no_grad():
        model[0].weight[:, ::2] = 0.0
        model[2].weight[:, 0] = 0.0  # unit 0 has no flow, but weights that are not zero
    masks = regions.prune(model, 0.5, criterion, **data)
    assert masks["0"].sum() == 24 and not masks["0"][:, ::2].any()


def permuted(model, order):
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for first in (moved[0].weight, moved[0].bias):
            first.copy_(first[order])
        moved[2].weight.copy_(moved[2].weight[:, order])
    return moved


def rescaled(model, factors):
    moved = copy.deepcopy(model)
    with torch.no_grad():
        moved[0].weight *= factors[:, None]
        moved[0].bias *= factors
        moved[2].weight /= factors
    return moved


@pytest.mark.parametrize("criterion", ["snip", "grasp", "synflow"])
def test_units_may_be_renumbered(mlp, criterion):
    model, data = mlp([6, 8, 3]).double(), batch(40) if criterion in DATA else {}
    order = np.random.default_rng(0).permutation(8)
    masks = regions.prune(model, 0.4, criterion, scope="global", prune_output=True, **data)
    moved = regions.prune(
        permuted(model, order), 0.4, criterion, scope="global", prune_output=True, **data
    )
    np.testing.assert_array_equal(moved["0"], masks["0"][order])
    np.testing.assert_array_equal(moved["2"], masks["2"][:, order])


def test_snip_and_synflow_ignore_rescaling_of_units(mlp):
    model, data = mlp([6, 8, 3]).double(), batch(40)
    other = rescaled(model, torch.linspace(0.1, 5.0, 8).double())
    for criterion, options in (("snip", data), ("synflow", {})):
        how = {"scope": "global", "prune_output": True, **options}
        assert regions.prune(model, 0.4, criterion, **how) == regions.prune(
            other, 0.4, criterion, **how
        )
    # the flow of gradients does not: a control that the test can fail
    how = {"scope": "global", "prune_output": True, **data}
    assert regions.prune(model, 0.4, "grasp", **how) != regions.prune(other, 0.4, "grasp", **how)


NETS = [("lenet5", (1, 28, 28)), ("resnet20", (3, 8, 8))]


@pytest.mark.parametrize("name, shape", NETS)
@pytest.mark.parametrize("criterion", ["snip", "grasp", "synflow"])
def test_the_model_stays_as_it_is(name, shape, criterion):
    model = build_model(name, shape, 3, **({"width": 4} if name == "resnet20" else {})).train()
    model.fc1.requires_grad_(False) if name == "lenet5" else model.fc.requires_grad_(False)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    regions.prune(model, 0.5).apply(model)  # carries masks of torch prune
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    frozen = [parameter.requires_grad for parameter in model.parameters()]
    how = {"input_shape": shape, **(batch(20, shape) if criterion in DATA else {"rounds": 5})}
    with torch.no_grad():
        masks = regions.prune(model, 0.2, criterion, **how)
    assert masks == regions.prune(model, 0.2, criterion, **how)
    already = regions.Masks.from_model(model)
    if criterion != "snip":  # where zero weights tie with those of dead units
        assert all((masks[layer] <= already[layer]).all() for layer in list(masks)[:-1])
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert [parameter.requires_grad for parameter in model.parameters()] == frozen
    assert all(bool((parameter.grad == 1).all()) for parameter in model.parameters())
    assert all(module.training for module in model.modules())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, r"needs the option\(s\) labels"),
        ({"inputs": None, "labels": None}, r"needs the option\(s\) inputs, labels"),
        ({"labels": np.zeros(7, dtype=int)}, "one integer label per input"),
        ({"labels": np.full(300, 3)}, "labels run from 3 to 3; expected 0 to 2"),
        ({"labels": np.full(300, -100)}, "labels run from -100"),
        ({"inputs": np.zeros((300, 5))}, r"cannot take inputs of shape \(5,\)"),
        ({"inputs": np.full((300, 6), np.nan)}, "no finite gradient"),
        ({"inputs": np.zeros((0, 6)), "labels": np.zeros(0, dtype=int)}, "at least one"),
    ],
)
@pytest.mark.parametrize("criterion", DATA)
def test_bad_batches(small, criterion, changes, message):
    before = copy.deepcopy(small.state_dict())
    given = {key: value for key, value in {**batch(), **changes}.items() if value is not None}
    with pytest.raises(ArgumentError, match=message):
        regions.prune(small, 0.5, criterion, **given)
    assert all(torch.equal(value, before[key]) for key, value in small.state_dict().items())


def test_bad_options(small, pairs):
    with pytest.raises(UnsupportedModelError, match="torch module"):
        regions.prune(pairs([6, 5, 3]), 0.5, "snip", **batch())
    for given in (0, -1.0, float("inf"), "hot"):
        with pytest.raises(ArgumentError, match="temperature is"):
            regions.prune(small, 0.5, "grasp", temperature=given, **batch())
    for given in (0, 1.5, True):
        with pytest.raises(ArgumentError, match="rounds is"):
            regions.prune(small, 0.5, "synflow", rounds=given)
    with pytest.raises(ArgumentError, match="does not know the option"):
        regions.prune(small, 0.5, "synflow", **batch())
    with pytest.raises(UnsupportedModelError, match="synflow follows"):
        regions.prune(build_model("lenet5", (1, 28, 28), 3), 0.5, "synflow")
    huge = [(np.full((2, 2), 1e200), None)] * 3
    with pytest.raises(ArgumentError, match="exceeds float64"):
        regions.prune(huge, 0.5, "synflow")
    with pytest.raises(BudgetError, match="rounds to none"):
        regions.prune(small, 1e-9, "synflow")


def test_a_batch_that_is_none_is_refused(small):
    with pytest.raises(ArgumentError, match="needs a batch of training images"):
        regions.prune(small, 0.5, SNIP(None, None))


def test_synflow_of_a_request_by_hand(pairs):
    """A criterion can be called on its own; scores tell kept from removed at the asked counts."""
    model = pairs([6, 5, 3])
    counts = {"layer1": 6, "output": 4}
    scores = SynFlow()(request(model, counts))
    assert {name: int((score >= 0).sum()) for name, score in scores.items()} == counts
    assert all(score.max() <= 1 and score.min() > -102 for score in scores.values())


def normalised(seed=0):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
    )
    with torch.no_grad():
        model[1].running_mean.normal_()
        model[1].running_var.uniform_(0.2, 3.0)
    return model.double().eval()


@pytest.mark.parametrize("batch_norm", ["batch", "running"])
@pytest.mark.parametrize("name", ["snip", "gradient", "undecayed", "grasp"])
def test_batch_normalisation_by_the_whole_batch_or_by_running_statistics(name, batch_norm):
    """In training mode, as public codes score, also where the batch is taken in parts."""
    model, data = normalised(), batch()
    before = copy.deepcopy(model.state_dict())
    decay = {"weight_decay": 0.0, "gradient": "data"} if name in ("gradient", "undecayed") else {}
    found = CRITERIA[name](**data, **decay, batch_norm=batch_norm)(request(model))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())

    twin = copy.deepcopy(model).train(batch_norm == "batch")
    weights = [twin[0].weight, twin[3].weight]
    temperature = 200.0 if name == "grasp" else 1.0
    slopes = torch.autograd.grad(loss_of(twin, data, temperature), weights, create_graph=True)
    if name == "grasp":
        flow = sum((slope**2).sum() for slope in slopes) / 2
        scores = [w * s for w, s in zip(weights, torch.autograd.grad(flow, weights), strict=True)]
    else:
        scores = [(w * s).abs() for w, s in zip(weights, slopes, strict=True)]
    for layer, expected in zip(("0", "3"), scores, strict=True):
        expected = expected.detach().numpy()
        np.testing.assert_allclose(found[layer], expected, 1e-7, 1e-9 * np.abs(expected).max())


def test_the_published_loop_of_synflow():
    """Round k of n keeps size - int((1 - d^(k/n)) size) weights of all layers together."""
    for seed in range(6):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Linear(9, 14, bias=False), torch.nn.ReLU(),
            torch.nn.Linear(14, 12, bias=False), torch.nn.ReLU(),
            torch.nn.Linear(12, 7, bias=False),
        ).double()  # fmt: skip
        weights = [model[place].weight.detach().abs() for place in (0, 2, 4)]
        size, density, rounds = sum(w.numel() for w in weights), 0.1003, 20
        for number in range(1, rounds + 1):
            leaves = [weight.clone().requires_grad_() for weight in weights]
            first, second, third = leaves
            total = (third @ second @ first @ torch.ones(9, dtype=torch.float64)).sum()
            slopes = torch.autograd.grad(total, leaves)
            flow = torch.cat([(w * s).flatten() for w, s in zip(weights, slopes, strict=True)])
            removed = int((1.0 - density ** (number / rounds)) * size)
            limit = torch.kthvalue(flow, removed).values if removed else -1.0
            parts = (flow > limit).split([w.numel() for w in weights])
            weights = [w * p.reshape(w.shape) for w, p in zip(weights, parts, strict=True)]
        how = {"scope": "global", "prune_output": True, "rounds": rounds}
        masks = regions.prune(model, density, "synflow", **how)
        mine = np.concatenate([masks[name].ravel() for name in ("0", "2", "4")])
        theirs = torch.cat([(w > 0).flatten() for w in weights]).numpy()
        # a density is rounded to the nearest count, theirs up
        assert theirs.sum() - mine.sum() in (0, 1) and (mine <= theirs).all()
