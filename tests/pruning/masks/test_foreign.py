"""Masks that other programs wrote are read as our own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import regions
from regions.errors import DataError

MASKS = regions.Masks({"fc1": np.eye(3), "fc2": [[1, 0, 0], [0, 0, 1]]})
TENSORS = {name: torch.from_numpy(mask.astype(np.int32)) for name, mask in MASKS.items()}
FORMS = {
    "names of weights": {f"{name}.weight": mask for name, mask in TENSORS.items()},
    "with biases": {**TENSORS, "fc1.bias": torch.ones(3)},
    "nni": {name: {"weight": mask.float(), "bias": None} for name, mask in TENSORS.items()},
    "torch prune": {f"{name}.weight_mask": mask for name, mask in TENSORS.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_foreign_masks_are_read(form: str, tmp_path) -> None:
    torch.save(FORMS[form], tmp_path / "mask.pth")
    assert regions.Masks.load(tmp_path / "mask.pth") == MASKS
    assert regions.Masks(FORMS[form]) == MASKS


def test_what_we_write_for_open_lth_comes_back(tmp_path) -> None:
    assert regions.Masks.load(MASKS.to_open_lth(tmp_path) / "mask.pth") == MASKS


def test_plain_archives_are_read_and_other_content_is_refused(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", **{f"{name}.weight": mask for name, mask in MASKS.items()})
    assert regions.Masks.load(tmp_path / "a.npz") == MASKS
    torch.save([1, 2], tmp_path / "b.pt")
    with pytest.raises(DataError, match="open_lth"):
        regions.Masks.load(tmp_path / "b.pt")
    torch.save({"fc1.weight": torch.full((2, 2), 0.5)}, tmp_path / "c.pt")
    with pytest.raises(DataError, match="0/1"):
        regions.Masks.load(tmp_path / "c.pt")
