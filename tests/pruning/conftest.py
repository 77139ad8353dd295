import itertools

import numpy as np
import pytest

import regions


def dense_pairs(widths, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(rows, cols)), rng.normal(size=rows))
        for cols, rows in itertools.pairwise(widths)
    ]


@pytest.fixture
def pairs():
    return dense_pairs


@pytest.fixture
def mlp():
    torch = pytest.importorskip("torch")

    def build(widths, seed=0):
        generator = torch.Generator().manual_seed(seed)
        layers = []
        for cols, rows in itertools.pairwise(widths):
            layers += [torch.nn.Linear(cols, rows), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        return model

    return build


@pytest.fixture
def residual():
    """A small convolutional residual network with BatchNorm and pooling."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self, channels=3):
            super().__init__()
            self.stem = nn.Conv2d(1, channels, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(channels)
            self.left = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
            self.right = nn.Conv2d(channels, channels, 3, padding=1)
            self.short = nn.Conv2d(channels, channels, 1, stride=2)
            self.pool = nn.AvgPool2d(2)
            self.head = nn.Linear(4 * channels, 2)

        def forward(self, x):
            x = torch.relu(self.norm(self.stem(x)))
            x = torch.relu(self.right(torch.relu(self.left(x))) + self.short(x))
            return self.head(self.pool(x).flatten(1))

    def build(seed=0, channels=3):
        generator = torch.Generator().manual_seed(seed)
        model = Residual(channels)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        return model.eval()

    return build


@pytest.fixture
def matters():
    """Brute force: a kept weight is effective iff perturbing it can change the outputs.

    With positive weights and a positive input every path carries signal, so the derivative of the
    outputs with respect to a kept weight is positive exactly if the weight is on a path.
    """

    def gradients(net, masks, seed=0):
        rng = np.random.default_rng(seed)
        graph = net.graph
        parameters = {
            name: np.ones_like(value)
            if name.endswith(("weight", "factor"))
            else np.zeros_like(value)
            for name, value in net.parameters.items()
        }
        for name, mask in masks.items():
            parameters[f"{name}.weight"] = rng.uniform(1.0, 2.0, mask.shape) * mask
        point = rng.uniform(1.0, 2.0, (1, *net.input_shape))
        base = regions.networks.ReLUNetwork(graph, parameters)(point)
        found = {}
        for name, mask in masks.items():
            found[name] = np.zeros(mask.shape, dtype=bool)
            for index in zip(*np.nonzero(mask), strict=True):
                changed = parameters[f"{name}.weight"].copy()
                changed[index] *= 2.0
                moved = regions.networks.ReLUNetwork(
                    graph, {**parameters, f"{name}.weight": changed}
                )(point)
                found[name][index] = bool((moved != base).any())
        return found

    return gradients
