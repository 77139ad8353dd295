"""Checkpoints as people have them are the same weights; a mismatch says which names."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import regions
from regions.errors import DataError
from regions.networks import load_weights


def model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2))


STATE = model().state_dict()
FORMS = {
    "plain": STATE,
    "state_dict": {"epoch": 3, "state_dict": STATE, "optimizer": {"lr": 0.1}},
    "nested": {"model": {"model_state_dict": STATE}},
    "parallel": {f"module.{name}": value for name, value in STATE.items()},
    "compiled": {"state_dict": {f"module._orig_mod.{n}": value for n, value in STATE.items()}},
}


def loaded(source) -> nn.Module:
    return load_weights(model(1), source)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_weights(form: str, tmp_path) -> None:
    torch.save(FORMS[form], tmp_path / "a.pt")
    for source in (FORMS[form], tmp_path / "a.pt", str(tmp_path / "a.pt")):
        found = loaded(source).state_dict()
        assert all(torch.equal(found[name], value) for name, value in STATE.items())
    assert not torch.equal(model(1)[0].weight, STATE["0.weight"])  # the control


def test_what_masks_apply_and_fine_tuning_save_is_read() -> None:
    pruned = model()
    masks = regions.prune(pruned, density=0.5)
    masks.apply(pruned)
    state = pruned.state_dict()
    assert "0.weight_orig" in state
    found = loaded({f"module.{name}": value for name, value in state.items()})
    assert torch.equal(found[0].weight, pruned[0].weight)
    assert regions.Masks.from_model(found) == regions.Masks.from_model(pruned)
    again = load_weights(pruned, state)  # the model may be pruned itself
    assert again is pruned and torch.equal(found[0].weight, pruned[0].weight)


def test_counters_of_batch_norms_may_be_missing() -> None:
    bare = {name: value for name, value in STATE.items() if "num_batches" not in name}
    assert len(bare) == len(STATE) - 1
    inputs = torch.randn(5, 3)
    assert torch.equal(loaded(bare).eval()(inputs), loaded(STATE).eval()(inputs))
    del bare["2.running_mean"]  # the control: statistics may not
    with pytest.raises(DataError, match=r"1 missing \(2.running_mean\)"):
        loaded(bare)


def test_a_mismatch_names_what_is_missing_unexpected_or_of_another_shape() -> None:
    other = dict(STATE)
    other["head.weight"] = other.pop("3.weight")
    other["0.bias"] = torch.zeros(5)
    with pytest.raises(DataError) as caught:
        loaded(other)
    message = str(caught.value)
    for part in ("1 missing (3.weight)", "1 unexpected (head.weight)", "0.bias: (5,) for (4,)"):
        assert part in message
    for nothing in ({}, {"epoch": 3}, [1, 2]):
        with pytest.raises(DataError, match="does not hold weights"):
            loaded(nothing)


def test_a_file_of_a_whole_model_is_refused_in_plain_words(tmp_path) -> None:
    torch.save(torch.nn.Linear(2, 1), tmp_path / "whole.pt")
    with pytest.raises(DataError) as caught:
        load_weights(torch.nn.Linear(2, 1), tmp_path / "whole.pt")
    message = str(caught.value)
    assert "whole model" in message and "torch.save(model.state_dict(), ...)" in message
    assert "\033" not in message and "two options" not in message
