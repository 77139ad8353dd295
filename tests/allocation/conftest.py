import itertools

import numpy as np
import pytest


@pytest.fixture
def pairs():
    def build(widths, seed=0):
        rng = np.random.default_rng(seed)
        return [
            (rng.normal(size=(rows, cols)), rng.normal(size=rows))
            for cols, rows in itertools.pairwise(widths)
        ]

    return build


@pytest.fixture
def small_conv():
    """Two convolutions with a shortcut and a linear head."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(1, 4, 3, padding=1)
            self.second = nn.Conv2d(4, 4, 3, padding=1)
            self.head = nn.Linear(4 * 16, 3)

        def forward(self, x):
            x = torch.relu(self.first(x))
            x = torch.relu(self.second(x) + x)
            return self.head(x.flatten(1))

    def build(seed=0):
        generator = torch.Generator().manual_seed(seed)
        model = Small()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        return model

    return build
