"""What a weight is made from: shared, masked, computed by hooks, or of a layer of another kind."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import regions
from regions.choices import options_of
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning import CRITERIA, METHODS
from regions.pruning.model.parameters import current_weight
from regions.pruning.model.plain import plain_copy


def seeded(build, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


class Tied(nn.Module):
    """Layers a, b and d share one parameter; c lies between them and has its own."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 6)
        self.a, self.b, self.c, self.d = (nn.Linear(6, 6) for _ in range(4))
        self.b.weight = self.d.weight = self.a.weight
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        for layer in (self.first, self.a, self.b, self.c, self.d):
            x = torch.relu(layer(x))
        return self.last(x)


SHARED = ("a", "b", "d")
INPUTS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
BATCH = {"inputs": INPUTS, "labels": np.arange(20) % 2}
OPTIONS = {
    "snip": BATCH,
    "grasp": BATCH,
    "gradient": {**BATCH, "weight_decay": 0.1, "gradient": "data"},
    "undecayed": {**BATCH, "weight_decay": 0.1, "gradient": "data"},
}


@pytest.mark.parametrize("criterion", [*CRITERIA, "blocks"])
@pytest.mark.parametrize("how", ["prune", "zeros"])
def test_layers_that_share_a_parameter_have_one_mask_with_the_demanded_count(criterion, how):
    model = seeded(Tied)
    densities = {"b": 0.5, "c": 0.25}  # by any of the names
    options = {"block": 1} if criterion == "blocks" else OPTIONS.get(criterion, {})
    masks = regions.prune(model, densities, criterion, rng=3, **options)
    assert masks.counts == {"first": 18, "a": 18, "b": 18, "c": 9, "d": 18, "last": 12}
    assert all(np.array_equal(masks["a"], masks[name]) for name in SHARED)
    applied = masks.apply(copy.deepcopy(model), how=how)
    expected = regions.as_network(model).masked(masks)
    with torch.no_grad():
        outputs = applied(torch.from_numpy(INPUTS)).double().numpy()
    np.testing.assert_allclose(outputs, expected(INPUTS), atol=1e-5)
    assert regions.Masks.from_model(applied) == masks
    if how == "prune":  # what is one parameter stays one, and is trained as one
        assert applied.a.weight_orig is applied.b.weight_orig is applied.d.weight_orig
    else:
        assert applied.a.weight is applied.b.weight is applied.d.weight


def test_random_masks_of_a_shared_parameter_are_not_the_intersection():
    model = seeded(Tied)
    masks = regions.prune(model, 0.1, "random", rng=1)
    applied = masks.apply(model, how="zeros")
    assert int((applied.a.weight != 0).sum()) == masks.counts["a"] > 0


def test_a_number_counts_a_shared_parameter_once_and_the_output_layers_never():
    model = seeded(Tied)
    masks = regions.prune(model, 0.5)
    assert sum(masks.counts[name] for name in ("first", "a", "c")) == (18 + 36 + 36) / 2
    square = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    square[4].weight = square[0].weight  # the output layer's parameter stays whole
    assert regions.prune(square, 0.5).counts == {"0": 16, "2": 8, "4": 16}
    assert regions.prune(square, 0.5, prune_output=True).counts == {"0": 8, "2": 8, "4": 8}
    square[2].weight = square[0].weight  # an only parameter is pruned
    assert regions.prune(square, 0.5).counts == {"0": 8, "2": 8, "4": 8}


def test_scores_of_a_shared_parameter_are_those_of_all_its_uses():
    model, seen = seeded(Tied), []

    def criterion(request):
        seen.append(list(request.weights))
        return {name: np.abs(w) for name, w in request.weights.items()}

    regions.prune(model, {"d": 0.5}, criterion)
    assert seen == [["a"]]
    loss = nn.functional.cross_entropy(
        model(torch.from_numpy(INPUTS)), torch.from_numpy(BATCH["labels"])
    )
    loss.backward()
    scores = (model.a.weight * model.a.weight.grad).abs().detach().numpy().ravel()
    masks = regions.prune(model, {"d": 0.5}, "snip", **BATCH)
    assert set(np.flatnonzero(masks["b"])) == set(np.argsort(-scores)[:18])


@pytest.mark.parametrize("density", [0.2, 0.5])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_repaired_masks_of_shared_parameters_keep_nothing_dead_in_all_uses(density, scope):
    model = seeded(Tied)
    masks = regions.prune(model, density, "random", repair=True, scope=scope, rng=5)
    effective = masks.effective().masks
    alive = np.logical_or.reduce([effective[name] for name in SHARED])
    assert np.array_equal(alive, masks["a"])
    assert all(np.array_equal(masks["a"], masks[name]) for name in SHARED)
    kept = sum(masks.counts[name] for name in ("first", "a", "c"))
    assert kept == round(density * (18 + 36 + 36))


def test_shared_parameters_with_two_demands_are_refused():
    model = seeded(Tied)
    for densities in ({"a": 0.5, "b": 0.25}, {"b": 1.0, "d": 0.5}):
        with pytest.raises(ArgumentError, match=r"share one weight, but their densities are"):
            regions.prune(model, densities)
    arrays = dict(regions.prune(model, 0.5))
    arrays["b"] = np.zeros((6, 6))
    wrong = regions.Masks(arrays)
    before = copy.deepcopy(model.state_dict())
    for how in ("prune", "zeros"):
        with pytest.raises(ArgumentError, match="'a' and 'b' share one weight"):
            wrong.apply(model, how=how)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(ArgumentError, match="share one weight, but their counts"):
        regions.prune(model, wrong)
    with pytest.raises(ArgumentError, match="different masks"):
        regions.prune(model, 0.5, _two_masks)
    for method in set(METHODS) - {"blocks"}:
        seen = {"inputs": np.ones((2, 3))} if "inputs" in options_of(METHODS[method]) else {}
        with pytest.raises(UnsupportedModelError, match="share one weight"):
            regions.prune(model, {"a": 0.5}, method, **seen)
    with pytest.raises(UnsupportedModelError, match="share one weight"):
        regions.allocate(model, 0.5)


def _two_masks(request):
    from regions.pruning import Selection

    kept = {name: np.ones(w.shape, dtype=bool) for name, w in request.weights.items()}
    return Selection(masks={**kept, "b": np.zeros((6, 6), dtype=bool)})


@pytest.mark.parametrize("how", ["prune", "zeros"])
def test_masks_that_name_one_of_the_tied_layers_hold_for_all_and_are_replaced(how):
    model = seeded(Tied)
    mask = np.eye(6, dtype=bool)
    applied = regions.Masks({"b": mask}).apply(copy.deepcopy(model), how=how)
    found = regions.Masks.from_model(applied)
    assert all(np.array_equal(found[name], mask) for name in SHARED)
    again = regions.Masks({"d": ~mask}).apply(applied, how=how)
    kept = regions.Masks.from_model(again)["a"]
    assert np.array_equal(kept, ~mask if how == "prune" else np.zeros_like(mask))


def test_a_weight_that_an_embedding_shares_is_masked_there_too():
    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5, 4)
            self.head = nn.Linear(4, 5, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, codes):
            return self.head(self.embedding(codes))

    for how in ("prune", "zeros"):
        model = seeded(Language)
        masks = regions.prune(model, 0.5)
        expected = model.head.weight.detach() * torch.tensor(masks["head"])
        found = masks.apply(model, how=how)(torch.arange(5))
        torch.testing.assert_close(found, expected @ expected.T)


def test_a_weight_that_no_hook_can_mask_is_refused_before_anything_changes():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.plain = nn.ParameterList([self.linear.weight])

    model = Both()
    masks = regions.Masks({"linear": np.eye(4)})
    with pytest.raises(ArgumentError, match=r"'plain\.0', of a ParameterList"):
        masks.apply(model)
    assert not hasattr(model.linear, "weight_mask")
    masks.apply(model, how="zeros")
    assert int((model.plain[0] != 0).sum()) == 4


def test_repaired_parameters_of_shared_weights_are_refused_unless_they_agree():
    model = seeded(Tied)
    value = np.arange(36.0).reshape(6, 6)
    whole = {name: np.ones((6, 6)) for name in SHARED}
    with pytest.raises(ArgumentError, match=r"it is also 'a\.weight'"):
        regions.Masks(whole, repaired={"b.weight": value}).apply(model)
    repaired = {f"{name}.weight": value for name in SHARED}
    regions.Masks(whole, repaired=repaired).apply(model, how="zeros")
    assert torch.equal(model.d.weight, torch.tensor(value, dtype=torch.float32))
    repaired["d.weight"] = value + 1
    with pytest.raises(ArgumentError, match="to the same values"):
        regions.Masks(whole, repaired=repaired).apply(model)


def sequence():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Conv1d(3, 4, 2), nn.Linear(1, 2))


def old_spectral(layer):
    return nn.utils.spectral_norm(layer)


def old_weight(layer):
    return nn.utils.weight_norm(layer)


def new_spectral(layer):
    return nn.utils.parametrizations.spectral_norm(layer)


def new_weight(layer):
    return nn.utils.parametrizations.weight_norm(layer)


def by_hand(layer):
    """Compute the weight from a parameter of another name, in a hook of one's own."""
    weight = layer._parameters.pop("weight")
    layer.register_parameter("raw", weight)
    layer.weight = weight.detach() * 2
    layer.register_forward_pre_hook(lambda part, _: setattr(part, "weight", part.raw * 2))
    return layer


def spectral_then_masked(layer):
    layer = nn.utils.spectral_norm(layer)
    return torch_prune.l1_unstructured(layer, "weight_orig", amount=0.5)


COMPUTED = {
    old_spectral: "spectral_norm; call torch.nn.utils.remove_spectral_norm",
    old_weight: "weight_norm; call torch.nn.utils.remove_weight_norm",
    new_spectral: "remove_parametrizations",
    new_weight: "remove_parametrizations",
    by_hand: "a hook or the module itself",
    spectral_then_masked: "spectral_norm",
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("norm", COMPUTED, ids=lambda norm: norm.__name__)
@pytest.mark.parametrize("how", ["prune", "zeros"])
@pytest.mark.parametrize("place", [0, 2])
def test_weights_that_are_computed_at_every_pass_are_refused_by_name(norm, how, place):
    model = seeded(sequence)
    norm(model[place])
    before = copy.deepcopy(model.state_dict())
    shapes = {"0": (6, 4), "2": (4, 3, 2)}
    masks = regions.Masks({n: np.arange(np.prod(s)).reshape(s) % 2 for n, s in shapes.items()})
    with pytest.raises(ArgumentError) as caught:
        masks.apply(model, how=how)
    assert f"layer '{place}'" in str(caught.value) and COMPUTED[norm] in str(caught.value)
    # the other layer is as it was, and no mask is reported that does not hold
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    if norm is not spectral_then_masked:
        assert regions.Masks.from_model(model)[str(place)].all()


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("norm", [old_spectral, old_weight, new_spectral, new_weight])
def test_scores_are_of_the_weights_of_the_next_pass_not_of_old_copies(norm):
    model = nn.Sequential(norm(seeded(lambda: nn.Linear(4, 6))), nn.ReLU(), nn.Linear(6, 2)).eval()
    with torch.no_grad():
        model(torch.ones(1, 4))
        for value in model[0].parameters():  # the copy that hooks made is now old
            value.mul_(torch.linspace(-3, 1, value.numel()).reshape(value.shape))
    found = current_weight(model[0])
    masks = regions.prune(model, {"0": 0.5})
    plain = plain_copy(model)
    inputs = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(plain(inputs), model(inputs))
        # after the pass the copy is fresh
        torch.testing.assert_close(found, model[0].weight)
    best = np.argsort(-np.abs(found.numpy().ravel()))[:12]
    assert set(np.flatnonzero(masks["0"])) == set(best)
    batch = {"inputs": np.ones((4, 4), np.float32), "labels": np.arange(4) % 2}
    assert regions.prune(model, {"0": 0.5}, "snip", **batch).counts["0"] == 12
    with torch.no_grad():  # the model itself is as it was, also one that torch parametrizes
        torch.testing.assert_close(plain(inputs), model(inputs))
    assert plain[0].weight.requires_grad and isinstance(plain[0].weight, nn.Parameter)


class Mixed(nn.Module):
    """One layer that prune handles, and one parameter of many kinds that it does not."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.recurrent = nn.LSTM(4, 4)
        self.gated = nn.GRUCell(4, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.transposed = nn.ConvTranspose2d(2, 2, 3)
        self.bilinear = nn.Bilinear(2, 3, 4)
        self.embedding = nn.Embedding(5, 4)
        self.raw = nn.Parameter(torch.ones(3, 3))
        self.mean = nn.Parameter(torch.ones(1, 3, 1, 1))
        self.norm = nn.LayerNorm((3, 3))
        self.batch = nn.BatchNorm2d(3)
        self.slope = nn.PReLU(3)

    def forward(self, x):
        return self.linear(x)


PASSED_OVER = [
    "raw",
    "recurrent.weight_ih_l0",
    "recurrent.weight_hh_l0",
    "gated.weight_ih",
    "gated.weight_hh",
    "attention.in_proj_weight",
    "attention.out_proj.weight",
    "transposed.weight",
    "bilinear.weight",
    "embedding.weight",
]


def test_weights_that_prune_cannot_handle_are_named_once():
    model = seeded(Mixed)
    with pytest.warns(UserWarning) as said:
        masks = regions.prune(model, 0.5)
    (warning,) = said
    for name in PASSED_OVER:
        assert repr(name) in str(warning.message)
    for name in ("mean", "norm", "batch", "slope", "linear", "bias"):
        assert f"'{name}" not in str(warning.message)
    assert warning.filename == __file__
    assert masks.counts == {"linear": 8}


def test_models_of_other_kinds_alone_are_refused_with_their_weights():
    with pytest.raises(ArgumentError, match=r"nothing to prune; its weights \['weight_ih_l0'"):
        regions.prune(nn.LSTM(3, 2), 0.5)
    with pytest.raises(ArgumentError, match="run the model once"):
        regions.prune(nn.Sequential(nn.LazyLinear(3)), 0.5)


def test_ordinary_models_warn_of_nothing(residual, pairs):
    assert regions.prune(residual(), 0.5, input_shape=(1, 8, 8)).total_density < 1
    assert regions.prune(pairs([4, 3, 2]), 0.5).total_density < 1


def test_a_criterion_that_empties_layers_says_which():
    net = [(np.full((4, 4), size), None) for size in (3.0, 0.1, 2.0, 0.2, 1.0)]
    with pytest.warns(UserWarning, match=r"in the layers \['layer2', 'layer4'\]") as said:
        masks = regions.prune(net, 0.5, scope="global")
    assert len(said) == 1 and masks.counts["layer2"] == masks.counts["layer4"] == 0
    with pytest.warns(UserWarning, match="'layer2'"):  # a density that rounds to none
        regions.prune(net, {"layer2": 0.01})
    with pytest.warns(UserWarning, match=r"\['layer2'\]"):
        regions.prune(net, {"layer2": 0.5, "layer1": 0.5}, scope="global")


def test_layers_that_were_asked_to_be_empty_are_no_news():
    net = [(np.ones((4, 4)), None) for _ in range(3)]
    empty = {name: np.ones((4, 4)) for name in ("layer1", "layer2", "output")}
    empty["layer2"] = np.zeros((4, 4))
    assert regions.prune(net, regions.Masks(empty), "random").counts["layer2"] == 0


def test_every_subset_of_layers_can_be_tied():
    """Whatever layers share, each parameter keeps what it is to keep."""
    for size in (2, 3, 4):
        for chosen in itertools.combinations("abcd", size):
            model = seeded(Tied)
            for name in "abcd":
                getattr(model, name).weight = nn.Parameter(torch.randn(6, 6))
            for name in chosen[1:]:
                getattr(model, name).weight = getattr(model, chosen[0]).weight
            masks = regions.prune(model, {name: 0.5 for name in chosen}, "random")
            applied = masks.apply(model, how="zeros")
            kept = {name: int((getattr(applied, name).weight != 0).sum()) for name in "abcd"}
            assert kept == {name: 18 if name in chosen else 36 for name in "abcd"}
