import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.networks import liveness


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    density=st.floats(0.1, 0.9),
    seed=st.integers(0, 10**6),
)
def test_chain_equals_counting_paths(widths, density, seed):
    rng = np.random.default_rng(seed)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    arrays = {f"l{i}": rng.random(shape) < density for i, shape in enumerate(shapes)}
    found = regions.Masks(arrays).effective()
    mats = [mask.astype(int) for mask in arrays.values()]
    for index, (name, mask) in enumerate(arrays.items()):
        into = np.ones(widths[0], dtype=int)
        for matrix in mats[:index]:
            into = matrix @ into
        out = np.ones(widths[-1], dtype=int)
        for matrix in reversed(mats[index + 1 :]):
            out = out @ matrix
        paths = mask * out[:, None] * into[None, :]
        assert np.array_equal(found.masks[name], paths > 0)
    assert found.total_weights <= sum(found.kept.values())


def test_chain_and_graph_agree(pairs):
    net = regions.as_network(pairs([6, 8, 7, 5, 3]))
    for seed in range(10):
        masks = regions.prune(net, 0.15, criterion="random", rng=seed, prune_output=True)
        found, alive = masks.effective(), liveness(net.graph, masks)
        for name in masks:
            assert np.array_equal(found.masks[name], alive.effective[name])
        assert found.units == {n: int(alive.units(n).sum()) for n in net.graph.relu_names}
        assert found.inputs == int(alive.feeding["input"].sum())


def test_layers_without_relu_between_them_are_no_hidden_layers():
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 3), torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2)
    )
    report = regions.prune(model, 0.5, criterion="random").effective()
    assert list(report.units) == ["1"] and report.width == {"1": 5}
    assert report.to_frame()["units"].isna().tolist() == [True, False, True]


def test_a_module_used_twice_is_effective_where_either_use_is():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.square, self.head = torch.nn.Linear(3, 3), torch.nn.Linear(3, 1)

        def forward(self, x):
            return self.head(torch.relu(self.square(torch.relu(self.square(x)))))

    graph = regions.as_network(Twice()).graph
    square = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    report = regions.Masks({"square": square, "head": [[1, 0, 0]]}, graph).effective()
    # input 2 -> unit 1 -> unit 0: the first use needs the lower entry, the second the upper one
    assert report.weights == {"square": 2, "head": 1}


@pytest.mark.parametrize("seed", range(6))
def test_residual_convolutions_equal_brute_force(residual, matters, seed):
    net = regions.as_network(residual(), (1, 8, 8))
    masks = regions.prune(net, 0.12, criterion="random", rng=seed, prune_output=True)
    found, expected = masks.effective().masks, matters(net, masks)
    for name in masks:
        assert np.array_equal(found[name], expected[name]), name


def test_the_shortcut_keeps_a_residual_branch_alive(residual):
    net = regions.as_network(residual(), (1, 8, 8))
    arrays = {name: np.ones(shape, dtype=bool) for name, shape in net.prunable.items()}
    arrays["left"] = np.zeros_like(arrays["left"])
    report = regions.Masks(arrays, net.graph).effective()
    assert report.weights["right"] == 0 and report.units["left"] == 0
    assert report.weights["short"] == arrays["short"].size
    assert report.units["stem"] > 0


def test_removing_ineffective_weights_changes_only_constants(pairs):
    rng = np.random.default_rng(1)
    net = regions.as_network(pairs([5, 9, 9, 3], seed=4))
    masks = regions.prune(net, 0.12, criterion="random", rng=3)
    report = masks.effective()
    assert report.total_weights < sum(report.kept.values())
    points = rng.normal(size=(50, 5))
    steps = [net.masked(kept)(points) for kept in (masks, report.masks)]
    # biases of units that are cut off still add a constant
    assert np.allclose(np.diff(steps[0], axis=0), np.diff(steps[1], axis=0))


def test_report_has_counts_per_layer_and_in_total(mlp):
    model = mlp([4, 3, 2])
    report = regions.prune(model, 0.5).effective()
    frame = report.to_frame()
    assert frame["effective"].sum() == report.total_weights
    assert frame["effective_units"].dropna().sum() == report.total_units
    assert report.to_dict()["total_units"] == report.total_units
    assert str(report.total_weights) in report.summary()
    assert 0 < report.fraction <= 1


def test_no_paths_at_all():
    report = regions.Masks({"a": np.zeros((2, 2)), "b": np.ones((1, 2))}).effective()
    assert (report.total_weights, report.total_units, report.inputs) == (0, 0, 0)
    empty = regions.Masks({"a": np.zeros((2, 2))}).effective()
    assert empty.fraction == 0.0


class Branching(torch.nn.Sequential):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else -super().forward(x)


def test_models_without_wiring_can_be_pruned_but_not_followed():
    model = Branching(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    masks = regions.prune(model, 0.5)
    assert masks.counts == {"0": 5, "2": 6}
    with pytest.raises(regions.errors.UnsupportedModelError, match="control flow"):
        masks.effective()


def test_models_without_linear_regions_are_followed_by_their_wiring():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    masks = regions.prune(model, {"0": 0.34, "2": 0.34}, prune_output=True, repair=True)
    assert masks.effective().weights == masks.counts
