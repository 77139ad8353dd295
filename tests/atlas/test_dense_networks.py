"""Where dense networks come from: factories give different ones, given ones stay untouched."""

from dataclasses import replace

import pytest
import torch
from small_atlas import SMALL, small_mlp
from torch import nn

from regions.atlas.dense import read_starts
from regions.errors import ArgumentError
from regions.training import load_data


@pytest.fixture(scope="module")
def data():
    return load_data("digits")


def plain():
    """A factory that draws from torch's own random state."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))


def weights(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


@pytest.mark.parametrize("factory", [plain, small_mlp, "mlp"])
def test_a_factory_gives_other_networks_each_time_and_the_same_ones_again(data, factory):
    state = torch.random.get_rng_state()
    first, again = (read_starts(factory, data, SMALL) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    found = [weights(model) for model in first.models]
    assert len(found) == SMALL.seeds and first.distinct and not first.given
    assert not any(torch.equal(found[0], other) for other in found[1:])
    assert all(
        torch.equal(one, weights(other)) for one, other in zip(found, again.models, strict=True)
    )
    assert first.fingerprint() == again.fingerprint()


def test_one_given_network_stands_for_all_seeds_and_stays_as_it_is(data, tmp_path):
    model = plain().train()
    before = weights(model).clone()
    starts = read_starts(model, data, SMALL)
    used = starts.trained(data, SMALL, tmp_path, progress=False)
    assert starts.given and not starts.distinct and len(used) == SMALL.seeds
    assert torch.equal(weights(used[0]), before) and not used[0].training
    assert model.training and torch.equal(weights(model), before)


def test_given_networks_are_one_per_seed(data):
    models = [plain() for _ in range(SMALL.seeds)]
    assert read_starts(models, data, SMALL).distinct
    with pytest.raises(ArgumentError, match="2 networks were given for 3 seeds"):
        read_starts(models[:2], data, SMALL)


def test_the_fingerprint_knows_the_weights(data):
    one = replace(SMALL, seeds=1)
    first, second = (read_starts(plain(), data, one).fingerprint() for _ in range(2))
    assert first != second


def test_weights_of_a_factory_are_one_given_network(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "atlas_weights.py").write_text(
        "from torch import nn\n"
        "def plain():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))\n"
    )
    trained = plain()
    torch.save(trained.state_dict(), "trained.pt")
    monkeypatch.syspath_prepend(str(tmp_path))
    starts = read_starts("atlas_weights:plain@trained.pt", data, SMALL)
    assert starts.given and not starts.distinct
    assert torch.equal(weights(starts.models[0]), weights(trained))
    assert not read_starts("atlas_weights:plain", data, SMALL).given
