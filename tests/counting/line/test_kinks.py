from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.counting.line.kinks import Kinks, Segments
from regions.networks import State

COLUMNS = 40


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(5, 6, 3, padding=1)
        self.second, self.norm = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.third, self.last = nn.Conv2d(6, 7, 3, stride=2), nn.Linear(7 * 2 * 3, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.relu(x + self.norm(self.second(x)))
        return self.last(torch.relu(self.third(x)).flatten(1))


@pytest.fixture
def net():
    torch.manual_seed(0)
    module = Residual()
    module.norm.running_var.uniform_(0.5, 2)
    return regions.as_network(module.double().eval(), input_shape=(5, 6, 7))


def some_rows(rng, shape, share):
    """Kinks of units, of which pixels have none, some or all."""
    rows = rng.normal(size=(*shape, COLUMNS))
    rows *= rng.random((*shape[1:], COLUMNS)) < share * rng.uniform(0.5, 2, size=(*shape[1:], 1))
    rows *= rng.random((shape[0], 1, 1, 1)) < 0.8
    return rows.reshape(-1, COLUMNS)


def shuffled(kinks, rng):
    """The same kinks, with the columns of every pixel in another order."""
    columns, entries = kinks.columns.copy(), kinks.entries.copy()
    channels = len(kinks.factor) // (len(kinks.starts) - 1)
    for first, last in pairwise(kinks.starts):
        order = rng.permutation(last - first)
        columns[first:last] = columns[first:last][order]
        block = entries[channels * first : channels * last].reshape(channels, -1)
        block[:] = block[:, order]
    return kinks._replace(columns=columns, entries=entries)


@pytest.mark.parametrize("order", ["as stored", "any"])
@pytest.mark.parametrize("share", [0.03, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("layer", range(4))
def test_kinks_go_through_a_segment_as_values_do(net, rng, share, layer, order):
    before = net.start(rng.normal(size=(1, net.input_size)))
    for done in range(layer):
        values, state = net.advance(before, done)
        before = net.activate(state, done, net.slopes(done, values > 0))
    rows = {
        name: some_rows(rng, value.shape[1:], share)
        if value.ndim == 4
        else rng.normal(size=(value[0].size, COLUMNS))
        for name, value in before.values.items()
    }
    straight = State({n: r.T.reshape(-1, *before.values[n].shape[1:]) for n, r in rows.items()})
    expected, _ = net.advance(straight, layer, np.zeros(COLUMNS))
    wanted = (rng.random(expected.shape[1]) < 0.6) | (layer == 3)  # all outputs are wanted
    segments = Segments(net)
    kinks = {n: Kinks.of(r, before.values[n].shape[1:]) for n, r in rows.items()}
    if order == "any":
        kinks = {name: shuffled(value, rng) for name, value in kinks.items()}
    found = segments.push(kinks, layer, wanted, COLUMNS)[segments.end(layer)].rows(COLUMNS)
    np.testing.assert_allclose(found[wanted], expected.T[wanted], atol=1e-13)
    assert not found[~wanted].any()


@pytest.mark.parametrize("share", [0.03, 0.3, 0.9])
def test_rows_are_replaced_and_the_others_stay(rng, share):
    shape, wider = (3, 4, 5), COLUMNS + 9
    rows = some_rows(rng, shape, share)
    units = rng.permutation(len(rows))[:11]
    new = rng.normal(size=(11, wider)) * (rng.random((11, wider)) < 0.3)
    kinks = Kinks.of(rows, shape)
    factor = kinks.factor.copy()
    factor[units] = 1.0
    found = kinks.replaced(units, new, factor)
    expected = np.pad(rows, ((0, 0), (0, 9)))
    expected[units] = new
    np.testing.assert_array_equal(found.rows(wider), expected)
