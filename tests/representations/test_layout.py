"""Channels, tokens and time steps are told apart by the modules that made them."""

import numpy as np
import pytest
import torch
from small_networks import build, noise
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.representations import capture


def signals():
    return nn.Sequential(nn.Conv1d(1, 8, 3), nn.ReLU(), nn.BatchNorm1d(8), nn.MaxPool1d(2))


class Recurrent(nn.Module):
    """Takes (images, time, features); `turned` runs its LSTM time first, as is its default."""

    def __init__(self, turned):
        super().__init__()
        self.lstm, self.turned = nn.LSTM(3, 5, batch_first=not turned), turned
        self.head, self.act = nn.Linear(5, 4), nn.ReLU()

    def forward(self, x):
        x = x.transpose(0, 1) if self.turned else x
        return self.act(self.head(self.lstm(x)[0]))


def test_channels_of_one_dimensional_convolutions_are_the_neurons():
    pair = build(signals, 0), build(signals, 1)
    inputs = noise(60, 1, 22)
    found = regions.compare_layers(*pair, inputs, measure="cca")
    assert [one.similarity.neurons_x for one in found] == [8, 8, 8, 8]
    assert [one.similarity.n for one in found] == [1200, 1200, 1200, 600]
    for depth, name in enumerate(["0", "1", "2", "3"], 1):
        maps = [model.eval()[:depth](inputs).detach().numpy() for model in pair]
        X, Y = (values.transpose(0, 2, 1).reshape(-1, 8) for values in maps)
        assert found[name].value == pytest.approx(regions.cca(X, Y).value, abs=1e-5)
    assert regions.compare_layers(*pair, inputs, measure="cka", mode="gap")["1"].n == 60
    with capture(pair[0], ["1"], mode="spatial") as seen:
        pair[0](inputs)
    assert seen["1"].shape == (1200, 8)


def test_tokens_keep_their_features_last():
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.LayerNorm(6))
    found = regions.compare_layers(model, model, noise(60, 9, 3), measure="cka")
    assert [one.similarity.neurons_x for one in found] == [6, 6, 6]
    assert {one.similarity.n for one in found} == {540}


@pytest.mark.parametrize("measure", ["cka", "cca"])
def test_time_first_outputs_are_grouped_by_image(measure):
    """Blocks of images, shuffles and values are those of the same network with images first."""
    frames = []
    for turned in (True, False):
        pair = [build(lambda turned=turned: Recurrent(turned), seed) for seed in (0, 1)]
        found = regions.compare_layers(*pair, noise(100, 7, 3), measure=measure, blocks=10)
        assert found["act"].n == 700
        columns = ["value", "low", "high", "null_permuted", "neurons_x", "n"]
        frames.append(found.to_frame()[columns].to_numpy(dtype=float))
    np.testing.assert_allclose(frames[0], frames[1], atol=2e-5)


def test_inputs_with_the_time_first_are_refused_by_name():
    model = nn.Sequential(nn.LSTM(3, 5))
    with pytest.raises(ArgumentError, match=r"layer '0' of the first network gives .* of 7 images"):
        regions.compare_layers(model, model, noise(100, 7, 3), measure="cka")
    select = {"select": lambda _, output: output[0] + 0}  # made by hand: images first
    found = regions.compare_layers(model, model, noise(100, 7, 3), measure="cka", **select)
    assert found["0"].n == 700


def test_one_number_per_image_is_a_neuron_and_one_per_batch_is_none():
    class Squeezed(nn.Module):
        def forward(self, x):
            return x[:, 0]

    class Loss(nn.Module):
        def forward(self, x):
            return x.mean()

    head = nn.Linear(6, 1)
    model = nn.Sequential(head, Squeezed())
    found = regions.compare_layers(model, model, noise(60, 6), measure="cka")
    assert (found["1"].neurons_x, round(found["1"].value, 6)) == (1, 1)
    scalar = nn.Sequential(head, Loss())
    with pytest.raises(ArgumentError, match="layer '1' gives one number for a whole batch"):
        regions.compare_layers(scalar, scalar, noise(60, 6), measure="cka")
    assert len(regions.compare_layers(scalar, scalar, noise(60, 6), measure="cka", layers=[head]))


def test_features_of_a_linear_layer_on_maps_are_last():
    class Swin(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(3, 5)

        def forward(self, x):
            return self.mix(x.movedim(1, -1))

    model = Swin()
    assert torch.is_tensor(model(noise(2, 3, 4, 4)))
    found = regions.compare_layers(model, model, noise(40, 3, 4, 4), measure="cka")
    assert (found["mix"].neurons_x, found["mix"].n) == (5, 640)


class ChannelNorm(nn.LayerNorm):
    """A norm of the channels of (images, channels, height, width), as ConvNeXt has."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mixer(nn.Module):
    """A block of ConvNeXt, whose channels are last inside and first outside."""

    def __init__(self, channels):
        super().__init__()
        self.norm, self.conv = ChannelNorm(3), nn.Conv2d(3, channels, 1)
        self.one, self.act = nn.Linear(channels, 7), nn.GELU()
        self.last = nn.Sequential(nn.Linear(7, channels), nn.LayerNorm(channels))
        self.pool = nn.AvgPool2d(1)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.conv(self.norm(x)).permute(0, 2, 3, 1)
        return self.relu(self.pool(self.last(self.act(self.one(x))).permute(0, 3, 1, 2)))


@pytest.mark.parametrize("channels", [5, 4])  # 4 is the height and width, too
def test_activations_behind_a_linear_layer_on_maps_keep_their_features_last(channels):
    """Every module's neurons are the channels, wherever they lie."""
    model = nn.Sequential(Mixer(channels))
    found = regions.compare_layers(model, model, noise(40, 3, 4, 4), measure="cka")
    neurons = {one.layer: one.similarity.neurons_x for one in found}
    inside = ("conv", "last.0", "last.1", "pool", "relu")
    expected = {"norm": 3, "one": 7, "act": 7} | dict.fromkeys(inside, channels)
    assert neurons == {f"0.{name}": count for name, count in expected.items()} | {"0": channels}
    with capture(model, mode="spatial") as seen:
        maps = noise(2, 3, 4, 4)
        model(maps)
    with capture(model, ["0.one"], tap="input", mode="spatial") as taken:
        model(maps)
    torch.testing.assert_close(taken["0.one"], seen["0.conv"])
    block = model[0]
    inner = block.act(block.one(block.conv(block.norm(maps)).permute(0, 2, 3, 1)))
    torch.testing.assert_close(seen["0.act"], inner.reshape(-1, 7))
    torch.testing.assert_close(seen["0"], block(maps).permute(0, 2, 3, 1).reshape(-1, channels))


def test_a_norm_of_whole_maps_leaves_the_channels_first():
    maps = nn.Sequential(nn.Conv2d(3, 5, 1), nn.LayerNorm([5, 4, 4]), nn.ReLU())
    found = regions.compare_layers(maps, maps, noise(40, 3, 4, 4), measure="cka")
    assert [one.similarity.neurons_x for one in found] == [5, 5, 5]
    signal = nn.Sequential(nn.Conv1d(3, 5, 1), nn.LayerNorm([5, 7]), nn.ReLU())
    found = regions.compare_layers(signal, signal, noise(40, 3, 7), measure="cka")
    assert [one.similarity.neurons_x for one in found] == [5, 5, 5]


@pytest.mark.parametrize("steps", [2, 3, 4, 7])
@pytest.mark.parametrize("batch_size", [2, 3, 64])
def test_time_first_is_refused_for_as_many_steps_as_images_too(steps, batch_size):
    """A layer that a function turned round again is never grouped by time step in silence."""

    class Turned(Recurrent):
        def forward(self, x):
            return self.act(self.head(self.lstm(x.transpose(0, 1))[0].transpose(0, 1)))

    model, settings = Turned(True), {"measure": "cka", "batch_size": batch_size}
    inputs = noise(60, steps, 3)
    with pytest.raises(ArgumentError, match=f"gives activations of {steps} images for"):
        regions.compare_layers(model, model, inputs, **settings)
    found = regions.compare_layers(model, model, inputs, layers=["lstm"], **settings)
    assert found["lstm"].n == 60 * steps
