"""Balance, the default: its formula, its two limits, and the masks that come with it."""

import json
import warnings
from itertools import product
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.allocation import Allocation
from regions.pruning.methods.disjoint import path_count
from regions.training import build_model


def ends(shapes):
    return {name: shape[0] + prod(shape[1:]) for name, shape in shapes.items()}


def free(found, of):
    return {name: of[name] for name, role in found.roles.items() if role == "free"}


def test_by_hand():
    # of the four largest weights three are in layer2; both layers have five ends
    first = np.array([[0.1, 0.2, 4.0], [0.3, 0.4, 0.5]])
    second = np.array([[5.0, 0.6], [6.0, 7.0], [0.7, 0.8]])
    found = regions.allocate([(first, None), (second, None), (np.ones((2, 3)), None)], weights=4)
    assert found.objective == "balance"
    assert (found.criterion, found.repair) == ("disjoint", False)
    # 4 (1 + 5) / 14 and 4 (3 + 5) / 14
    assert found.counts == {"layer1": 2, "layer2": 2, "output": 6}


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(2, 30), min_size=3, max_size=5),
    st.floats(0.01, 1.0),
    st.integers(0, 2**32 - 1),
)
def test_every_count_is_what_the_formula_says(widths, density, seed):
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.integers(-2, 3, len(widths) - 1)
    pairs = [
        (scale * rng.normal(size=(rows, cols)), None)
        for scale, cols, rows in zip(scales, widths[:-1], widths[1:], strict=True)
    ]
    sizes = [len(W) * W.shape[1] for W, _ in pairs[:-1]]
    budget = max(round(density * sum(sizes)), len(sizes))
    found = regions.allocate(pairs, weights=budget)
    share = free(found, ends(found.shapes))
    large = regions.allocate(pairs, weights=budget, objective="lamp").counts
    total = sum(share.values())
    exact = {n: budget * (large[n] + share[n]) / (budget + total) for n in share}
    least = path_count(budget, len(share), min(found.shapes[n][0] for n in share))
    filled = any(exact[n] >= found.sizes[n] or exact[n] < least for n in share)
    for name in share:
        if not filled:  # else the rest is shared between the others
            assert abs(found.counts[name] - exact[name]) < 2
    assert sum(free(found, found.counts).values()) == budget


def test_far_above_the_ends_magnitude_decides_and_far_below_a_random_graph():
    rng = np.random.default_rng(0)
    pairs = [(rng.standard_t(df, size=(300, 300)) * df, None) for df in (3, 9, 40, 9)]
    many, few = (regions.allocate(pairs, density) for density in (0.3, 0.0001))
    large = regions.allocate(pairs, 0.3, "lamp")
    total = sum(free(many, ends(many.shapes)).values())
    for name, count in free(many, many.counts).items():
        assert abs(count - large.counts[name]) <= total
        assert abs(few.counts[name] - few.budget / 3) <= 1
    shares = [large.counts[name] / large.budget for name in free(large, large.counts)]
    assert max(shares) - min(shares) > 0.1  # a control: the two limits are apart


def test_factors_of_layers_and_the_order_of_units_do_not_matter():
    rng = np.random.default_rng(1)
    W, V, U = (rng.normal(size=s) for s in ((12, 20), (9, 12), (4, 9)))
    order = rng.permutation(12)
    found = regions.allocate([(W, None), (V, None), (U, None)], 0.5)
    same = [(2.0**-30 * W[order], None), (2.0**9 * V[:, order], None), (U, None)]
    assert regions.allocate(same, 0.5).counts == found.counts
    # a control: global magnitude hangs on the factors
    assert regions.allocate(same, 0.5, "global").counts != found.counts


@pytest.mark.parametrize("minimum", [0, 3, 0.4])
def test_minima_of_the_caller_come_first(pairs, minimum):
    for density in (0.45, 0.6, 1.0):
        found = regions.allocate(pairs([30, 20, 10, 8, 5]), density, minimum=minimum)
        kept = free(found, found.counts)
        assert sum(kept.values()) == found.budget == round(density * 880)
        whole = isinstance(minimum, int)
        low = {n: minimum if whole else round(minimum * found.sizes[n]) for n in kept}
        assert all(kept[n] >= low[n] for n in kept)
    one = regions.allocate(pairs([6, 4, 3, 2]), weights=1, minimum=0)
    assert sorted(free(one, one.counts).values()) == [0, 1]


class Block(torch.nn.Module):
    """Three convolutions, with batch norm behind all of them, or behind one."""

    def __init__(self, normalised):
        super().__init__()
        nn = torch.nn
        sizes = [(3, 8), (8, 8), (8, 8)]
        layers = []
        for index, (a, b) in enumerate(sizes):
            layers += [nn.Conv2d(a, b, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(b)] if normalised or index == 0 else []
            layers += [nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 16, 4))

    def forward(self, x):
        return self.body(x)


@pytest.mark.parametrize(("normalised", "rule"), [(True, "global"), (False, "lamp")])
def test_layers_are_compared_by_magnitude_where_they_are_normalised(normalised, rule):
    torch.manual_seed(0)
    model = Block(normalised).eval()
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            parameter.mul_(1.0 + index % 5)
    budget = 600
    how = {"weights": budget, "input_shape": (3, 4, 4)}
    found, large = regions.allocate(model, **how), regions.allocate(model, objective=rule, **how)
    share = free(found, ends(found.shapes))
    for name, end in share.items():
        exact = budget * (large.counts[name] + end) / (budget + sum(share.values()))
        assert abs(found.counts[name] - exact) <= 1
    other = regions.allocate(model, objective={"global": "lamp", "lamp": "global"}[rule], **how)
    assert max(abs(other.counts[n] - large.counts[n]) for n in share) > 20  # a control


def test_widths_share_by_sizes_and_ends():
    found = regions.allocate([30, 20, 10, 5], 0.5)
    sizes = {"layer1": 600, "layer2": 200}
    total = 30 + 20 + 20 + 10
    for name, size in sizes.items():
        exact = 400 * (size / 2 + sum(found.shapes[name])) / (400 + total)
        assert abs(found.counts[name] - exact) <= 1


@pytest.mark.parametrize(
    ("name", "density"),
    [*product(("mlp", "lenet5"), (0.5, 0.1, 0.02)), ("convnet", 0.1), ("resnet20", 0.02)],
)
def test_with_no_further_choice_every_kept_weight_is_on_a_path(name, density):
    shape = (1, 12, 12)
    options = {"mlp": {"hidden": (20, 12, 16)}, "lenet5": {}}.get(name, {"width": 4})
    model = build_model(name, shape, 5, seed=3, **options)
    found = regions.allocate(model, density, input_shape=shape)
    masks = regions.prune(model, found, input_shape=shape)
    few = found.budget < sum(ends({n: found.shapes[n] for n in free(found, found.counts)}).values())
    how = {"criterion": "disjoint"} if name == "mlp" and few else {"repair": True}
    assert masks == regions.prune(model, found, input_shape=shape, **how)
    assert masks.counts == found.counts
    report = masks.effective()
    kept = {n: count for n, count in found.counts.items() if found.roles[n] == "free"}
    assert {n: report.weights[n] for n in kept} == kept


def test_the_masks_are_those_of_disjoint_paths_unless_another_choice_is_made(pairs):
    model = pairs([30, 20, 10, 4])
    found = regions.allocate(model, 0.05)
    assert regions.prune(model, found) == regions.prune(model, found, "disjoint")
    assert regions.prune(model, found, repair=True) == regions.prune(
        model, found, "magnitude", repair=True
    )
    dense = regions.allocate(model, 0.3)
    assert regions.prune(model, dense) == regions.prune(model, dense, repair=True)
    plain = regions.allocate(model, 0.05, "erk")
    assert plain.criterion == "magnitude"
    assert regions.prune(model, plain) == regions.prune(model, plain, "magnitude")
    # the control: the masks differ
    assert regions.prune(model, found) != regions.prune(model, found, "magnitude")


class Unknown(torch.nn.Module):
    """A network whose wiring nobody can follow: it depends on values."""

    def __init__(self):
        super().__init__()
        self.one, self.two = torch.nn.Linear(8, 6), torch.nn.Linear(6, 3)

    def forward(self, x):
        h = torch.relu(self.one(x))
        return self.two(h if float(h.sum()) > 0 else -h)


def test_models_without_disjoint_paths_get_magnitude():
    torch.manual_seed(0)
    model = Unknown()
    with pytest.raises(regions.errors.UnsupportedModelError, match="wiring is unknown"):
        regions.allocate(model, 0.5)
    found = regions.allocate([8, 6, 3], 0.25)
    assert found.criterion == "disjoint"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        masks = regions.prune(model, found)
    assert masks == regions.prune(model, found, "magnitude")
    with pytest.raises(regions.errors.UnsupportedModelError):
        regions.prune(model, found, "disjoint")


def test_files_keep_the_criterion_and_older_ones_say_magnitude(tmp_path, pairs):
    found = regions.allocate(pairs([9, 8, 7, 3]), 0.2)
    path = found.save(tmp_path / "a.json")
    assert Allocation.load(path) == found
    content = json.loads(path.read_text())
    for name, wrong in (("criterion", 3), ("criterion", "beauty"), ("repair", 1), ("repair", True)):
        path.write_text(json.dumps({**content, name: wrong}))
        with pytest.raises(regions.errors.DataError, match=name):
            Allocation.load(path)
    del content["criterion"], content["repair"]
    with pytest.raises(regions.errors.DataError, match="criterion"):
        path.write_text(json.dumps(content))
        Allocation.load(path)
    path.write_text(json.dumps({**content, "format": 1}))
    older = Allocation.load(path)
    assert (older.criterion, older.repair, older.counts) == ("magnitude", False, found.counts)
