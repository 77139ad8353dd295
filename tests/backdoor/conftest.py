from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from regions.backdoor import GatedNetwork, Trigger


def conv_chain(first=2, second=3, third=4):
    """Two convolutions, pooling, flattening, two linear layers; every kind of step."""
    return nn.Sequential(
        OrderedDict(
            a=nn.Conv2d(2, first, 3, padding=1),
            ra=nn.ReLU(),
            b=nn.Conv2d(first, second, 3, stride=2),
            rb=nn.ReLU(),
            pool=nn.AvgPool2d(2),
            flatten=nn.Flatten(),
            c=nn.Linear(4 * second, third),
            rc=nn.ReLU(),
            d=nn.Linear(third, 3),
        )
    )


@pytest.fixture
def conv_net():
    generator = torch.Generator().manual_seed(3)
    model = conv_chain()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture
def conv_inputs():
    return np.random.default_rng(4).normal(size=(20, 2, 9, 9)).astype(np.float32)


PLANTED = 4
UNITS = 9


class Planted:
    """A network whose backdoor is one known unit, and clean images with their labels.

    Four units each tell left from right and right from left; unit 4 sees nothing but the patch,
    whose pixels are 0 on clean images, and pushes the logit of class 0.
    """

    def __init__(self, strength=20.0, seed=0):
        rng = np.random.default_rng(seed)
        self.trigger = Trigger(target=0, value=1.0, size=2, margin=0)
        self.labels = np.arange(60) % 2
        images = rng.uniform(0, 0.4, size=(60, 1, 6, 6)).astype(np.float32)
        for image, label in zip(images, self.labels, strict=True):
            image[:, :, 3 * label : 3 * label + 3] += 0.5
        images[:, :, 4:, 4:] = 0
        self.images = images
        side = np.zeros((6, 6))
        side[:4, :3], side[:4, 3:] = 1, -1
        patch = self.trigger.stamp(np.zeros((1, 1, 6, 6)))[0, 0]
        sizes = rng.uniform(0.5, 1.5, size=UNITS)
        signs = np.where(np.arange(UNITS) < PLANTED, 1.0, -1.0)
        rows = (sizes * signs)[:, None] * side.ravel()
        rows[PLANTED] = patch.ravel()
        out = np.zeros((2, UNITS))
        out[0, :PLANTED] = out[1, PLANTED + 1 :] = 1
        out[0, PLANTED] = strength
        self.model = nn.Sequential(
            nn.Flatten(), nn.Linear(36, UNITS), nn.ReLU(), nn.Linear(UNITS, 2)
        )
        with torch.no_grad():
            for layer, weight in ((self.model[1], rows), (self.model[3], out)):
                layer.weight.copy_(torch.from_numpy(weight))
                layer.bias.zero_()
            self.model[1].bias[PLANTED] = -0.1
        self.network = GatedNetwork(self.model, (1, 6, 6))
        self.triggered = self.trigger.attack(images, self.labels)
        self.begun = self.network.begin(self.triggered)

    def success(self, removed):
        return float((self.network.classes(self.begun, removed) == 0).mean())


@pytest.fixture(scope="session")
def planted():
    return Planted()


@pytest.fixture(scope="session")
def harmless():
    """The same network, but its odd unit has no say in the logits."""
    return Planted(strength=0.0)
