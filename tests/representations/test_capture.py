"""Hooks: what is seen, when it is copied, and that nothing is left behind."""

import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError, UnsupportedModelError


class Block(nn.Module):
    """A residual block that uses one in-place ReLU twice."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        hidden = self.conv2(self.relu(self.bn1(self.conv1(x))))
        return self.relu(hidden + x)


class Nested(nn.Module):
    """Modules registered in another order than they run, a tuple output, an unused module."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.block = Block(4)
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.memory = nn.LSTM(4, 3, batch_first=True)
        self.dropout = nn.Dropout(0.9)

    def forward(self, x):
        maps = self.dropout(self.block(self.stem(x)))
        sequence, _ = self.memory(maps.flatten(2).transpose(1, 2))
        return self.head(maps.mean((2, 3))), sequence


@pytest.fixture
def nested():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Nested()


@pytest.fixture
def images():
    return torch.randn(6, 1, 5, 5, generator=torch.Generator().manual_seed(1))


def test_names_are_those_of_the_modules_in_order_of_execution(nested, images):
    with regions.capture(nested) as seen:
        nested(images)
    assert list(seen) == [
        "stem",
        "block.conv1",
        "block.bn1",
        "block.relu#0",
        "block.relu#1",
        "block.conv2",
        "block",
        "memory",
        "head",
    ]
    assert seen["memory"].shape == (6, 25, 3)  # the first tensor of (output, (h, c))
    weight, bias = nested.stem.weight, nested.stem.bias
    expected = torch.nn.functional.conv2d(images, weight, bias, padding=1)
    torch.testing.assert_close(seen["stem"], expected.detach())


def test_a_relu_in_place_does_not_overwrite_what_was_seen(nested, images):
    with regions.capture(nested, ["block.bn1", "block.relu"]) as seen:
        nested(images)
    assert seen["block.bn1"].min() < -0.1
    torch.testing.assert_close(seen["block.relu#0"], seen["block.bn1"].relu())


def test_the_block_is_the_sum_after_the_relu(nested, images):
    with regions.capture(nested, tap="block") as seen:
        nested(images)
    assert list(seen) == ["block"]
    assert seen["block"].min() == 0


def test_taps_choose_before_and_after_batch_norm_and_relu(nested, images):
    kinds = {}
    for tap in ("linear", "norm", "relu", "input"):
        with regions.capture(nested, tap=tap) as seen:
            nested(images)
        kinds[tap] = dict(seen)
    assert list(kinds["linear"]) == ["stem", "block.conv1", "block.conv2", "head"]
    assert list(kinds["norm"]) == ["block.bn1"]
    assert list(kinds["relu"]) == ["block.relu#0", "block.relu#1"]
    torch.testing.assert_close(kinds["input"]["block.bn1"], kinds["linear"]["block.conv1"])
    torch.testing.assert_close(kinds["input"]["block.conv2"], kinds["relu"]["block.relu#0"])


def test_hooks_and_training_flags_are_restored_even_after_an_exception(nested, images):
    nested.train()
    nested.block.bn1.eval()
    flags = [module.training for module in nested.modules()]
    with pytest.raises(ZeroDivisionError), regions.capture(nested) as seen:
        assert not any(module.training for module in nested.modules())
        nested(images)
        _ = 1 / 0
    assert [module.training for module in nested.modules()] == flags
    hooks = [(m._forward_hooks, m._forward_pre_hooks) for m in nested.modules()]
    assert not any(after or before for after, before in hooks)
    assert len(seen) == 9


def test_each_forward_pass_replaces_the_one_before(nested, images):
    with regions.capture(nested, ["stem"]) as seen:
        nested(images)
        nested(images[:2])
    assert seen["stem"].shape[0] == 2
    assert not seen["stem"].requires_grad


def test_layers_by_regular_expression_and_unknown_ones(nested, images):
    with regions.capture(nested, r"conv\d$") as seen:
        nested(images)
    assert list(seen) == ["block.conv1", "block.conv2"]
    with pytest.raises(ArgumentError, match=r"no module is called conv9; the model has head, "):
        regions.capture(nested, ["conv9"]).__enter__()
    with pytest.raises(ArgumentError, match="no module fits tap output with names like 'zz'"):
        regions.capture(nested, "zz").__enter__()
    with pytest.raises(ArgumentError, match="tap is 'middle'"):
        regions.capture(nested, tap="middle").__enter__()
    with pytest.raises(UnsupportedModelError, match="cannot hook a list"):
        regions.capture([]).__enter__()
    with pytest.raises(KeyError, match="'fc' was not captured; captured: block"):
        seen["fc"]


def test_outputs_that_are_no_tensors(images):
    class Pair(nn.Module):
        def forward(self, x):
            return {"size": 3, "value": x + 1}

    class Nothing(nn.Module):
        def forward(self, x):
            return None

    model = nn.Sequential(Pair())
    with regions.capture(model) as seen:
        model(images)
    torch.testing.assert_close(seen["0"], images + 1)
    with regions.capture(model, select=lambda name, out: out["value"] * 2) as seen:
        model(images)
    torch.testing.assert_close(seen["0"], 2 * (images + 1))
    silent = nn.Sequential(Nothing())
    with (
        pytest.raises(ArgumentError, match="module '0' gives a NoneType without a tensor"),
        regions.capture(silent),
    ):
        silent(images)


def test_modes_of_convolutional_layers(nested, images):
    shapes = {}
    for mode in ("spatial", "gap", "flatten"):
        with regions.capture(nested, ["stem", "head"], mode=mode) as seen:
            nested(images)
        shapes[mode] = {name: tuple(tensor.shape) for name, tensor in seen.items()}
    assert shapes["spatial"] == {"stem": (6 * 25, 4), "head": (6, 2)}
    assert shapes["gap"] == {"stem": (6, 4), "head": (6, 2)}
    assert shapes["flatten"] == {"stem": (6, 100), "head": (6, 2)}
    with regions.capture(nested, ["stem"], mode="spatial", max_positions=7) as seen:
        nested(images)
    assert seen["stem"].shape == (42, 4)


def test_a_single_layer_is_to_be_wrapped():
    layer = nn.Linear(6, 4)
    with pytest.raises(ArgumentError, match=r"wrap it in nn\.Sequential"):
        regions.compare_layers(layer, layer, torch.ones(20, 6))
