"""What a model does beside computing is told from what others do meanwhile."""

import random
import threading
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import UnsupportedModelError

DRAWS = {
    None: lambda: None,
    "random": lambda: random.random(),
    "numpy.random": lambda: np.random.rand(),  # noqa: NPY002
}


class Draws(nn.Sequential):
    def __init__(self, draw, *layers):
        super().__init__(*layers)
        self.draw = draw

    def forward(self, x):
        self.draw()
        return super().forward(x)


def by_repair(model):
    return regions.prune(model, 0.5, repair=True, input_shape=(2,))


@pytest.fixture
def others():
    """A thread that draws from the global generators, as those of a dask worker do."""
    over, drawn = threading.Event(), []
    states = random.getstate(), np.random.get_state()  # noqa: NPY002

    def draw():
        while not over.wait(0.004):
            drawn.append((random.random(), np.random.rand()))  # noqa: NPY002

    thread = threading.Thread(target=draw)
    thread.start()
    yield drawn
    over.set()
    thread.join()
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002


@pytest.mark.parametrize("read", [regions.as_network, by_repair])
@pytest.mark.parametrize("name", [None, "random", "numpy.random"])
def test_what_other_threads_draw_is_not_the_models(read, name, others):
    model = Draws(DRAWS[name], nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    for _ in range(5):
        before = len(others)
        while len(others) == before:  # until one was drawn while it was read
            says = pytest.raises(UnsupportedModelError, match=f"draws from {name} in")
            with nullcontext() if name is None else says:
                read(model)


def test_generators_are_left_as_they_were():
    model = Draws(random.random, nn.Linear(2, 1))
    states = random.getstate(), torch.get_rng_state()
    with pytest.raises(UnsupportedModelError, match="draws from random in"):
        regions.as_network(model)
    assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[1])
