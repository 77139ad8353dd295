"""Batch norms know what reaches them after `reestimate`, and nothing else has changed."""

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.training import reestimate, restart


@pytest.fixture
def model():
    torch.manual_seed(0)
    parts = [nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3)]
    model = nn.Sequential(*parts, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    model[1].running_mean.uniform_(-1, 1)
    return model.train()


def test_one_batch_gives_its_own_statistics(model):
    images = torch.randn(50, 1, 8, 8)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = reestimate(model, images)
    first = model[0](images).transpose(0, 1).flatten(1)
    assert torch.allclose(found[1].running_mean, first.mean(1), atol=1e-6)
    assert torch.allclose(found[1].running_var, first.var(1), atol=1e-6)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert (
            "running" in name or "tracked" in name or torch.equal(found.state_dict()[name], value)
        )
    assert not found.training and model.training and found[1].momentum == model[1].momentum


def test_several_batches_give_the_mean_of_theirs(model):
    images = torch.randn(60, 1, 8, 8)
    found = reestimate(model, images.numpy(), batch_size=20)
    first = torch.stack(
        [model[0](part).transpose(0, 1).flatten(1).var(1) for part in images.split(20)]
    )
    assert torch.allclose(found[1].running_var, first.mean(0), atol=1e-6)


def test_a_pruned_network_is_normalised_again(model):
    images = torch.randn(200, 1, 8, 8) + 2
    masks = regions.prune(model.eval(), 0.2, input_shape=(1, 8, 8))
    pruned = restart(model, masks)
    through = reestimate(pruned, images)
    shallow = [net[:2](images).mean(dim=(0, 2, 3)).abs().max() for net in (pruned, through)]
    assert shallow[1] < 1e-5 < 0.1 < shallow[0]
    for name, mask in masks.items():
        weight = through.get_submodule(name).weight.detach().numpy()
        assert (weight[~np.asarray(mask)] == 0).all()


@pytest.mark.parametrize(
    ("net", "images", "said"),
    [
        (nn.Linear(2, 2), np.zeros((9, 2)), "no batch norm"),
        (nn.BatchNorm1d(2, track_running_stats=False), np.zeros((9, 2)), "no batch norm"),
        (nn.BatchNorm1d(2), np.zeros((1, 2)), "1 images"),
    ],
)
def test_nothing_to_estimate_is_refused(net, images, said):
    with pytest.raises(ArgumentError, match=said):
        reestimate(net, images)
