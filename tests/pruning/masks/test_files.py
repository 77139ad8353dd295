import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

import regions
from regions.errors import DataError


def test_round_trip_with_wiring(residual, tmp_path):
    masks = regions.prune(residual(), 0.3, input_shape=(1, 8, 8))
    path = masks.save(tmp_path / "masks.npz")
    loaded = regions.Masks.load(path)
    assert loaded == masks and loaded.graph == masks.graph
    assert loaded.effective().weights == masks.effective().weights
    assert [p.name for p in tmp_path.iterdir()] == ["masks.npz"]


def test_round_trip_without_wiring(tmp_path):
    masks = regions.Masks({"a/b": np.eye(3), "bits0": np.ones((1, 3))}, note="why")
    loaded = regions.Masks.load(masks.save(tmp_path / "m"))
    assert loaded == masks and loaded.note == "why"


def test_files_are_packed_and_hold_no_pickle(tmp_path):
    path = regions.Masks({"a": np.ones((512, 512))}).save(tmp_path / "m.npz")
    assert path.stat().st_size < 512 * 512 / 8
    with np.load(path, allow_pickle=False) as archive:
        assert all(archive[name].dtype == np.uint8 for name in archive.files)


def archive(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def head(**changes):
    fields = {
        "format": 1,
        "kind": "regions.Masks",
        "layers": [["a", [2, 4]]],
        "graph": None,
        "note": "",
        **changes,
    }
    return np.frombuffer(json.dumps(fields).encode(), np.uint8)


BITS = np.array([255], np.uint8)
WRONG = {
    "empty": b"",
    "noise": b"\x00\x01\x02",
    "pickle": pickle.dumps({"a": [1, 2]}),
    "no head": archive(bits0=BITS),
    "object head": archive(head=np.array([{"a": 1}], dtype=object)),
    "head is no json": archive(head=np.zeros(9, np.uint8), bits0=BITS),
    "head is a list": archive(head=np.frombuffer(b"[1]", np.uint8), bits0=BITS),
    "later format": archive(head=head(format=2), bits0=BITS),
    "other kind": archive(head=head(kind="Allocation"), bits0=BITS),
    "layer missing": archive(head=head()),
    "too few bits": archive(head=head(layers=[["a", [2, 40]]]), bits0=BITS),
    "not bits": archive(head=head(), bits0=np.array([1.5])),
    "negative shape": archive(head=head(layers=[["a", [-2, -4]]]), bits0=BITS),
    "one axis": archive(head=head(layers=[["a", [8]]]), bits0=BITS),
    "graph is noise": archive(head=head(graph="{"), bits0=BITS),
    "graph of unknown steps": archive(
        head=head(graph='{"format": 1, "steps": [{"kind": "tanh"}]}'), bits0=BITS
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_files_of_other_kinds_are_refused(tmp_path, case):
    path = tmp_path / "masks.npz"
    path.write_bytes(WRONG[case])
    with pytest.raises(DataError, match=r"masks\.npz|mask of shape"):
        regions.Masks.load(path)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(tmp_path, keep, pairs):
    path = regions.prune(pairs([30, 20, 5]), 0.3).save(tmp_path / "masks.npz")
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DataError, match="truncated"):
        regions.Masks.load(path)


def test_flipped_bytes_are_noticed(tmp_path):
    path = regions.Masks({"a": np.eye(64)}).save(tmp_path / "masks.npz")
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError):
        regions.Masks.load(path)


def test_missing_files_folders_and_torch_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        regions.Masks.load(tmp_path / "none.npz")
    with pytest.raises(DataError, match="it is a folder"):
        regions.Masks.load(tmp_path)
    torch.save({"a": torch.ones(2)}, tmp_path / "weights.pt")
    with pytest.raises(DataError, match=r"weights\.pt"):
        regions.Masks.load(tmp_path / "weights.pt")


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("head.npy", b"0" * 1000)
    content = path.read_bytes()
    fake = (2**31 + 5).to_bytes(4, "little")
    path.write_bytes(content.replace((1000).to_bytes(4, "little"), fake))
    with pytest.raises(DataError, match="limit"):
        regions.Masks.load(path)


def test_nothing_is_left_when_saving_fails(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError):
        regions.Masks({"a": np.eye(2)}).save(target)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_open_lth_files(tmp_path, mlp):
    masks = regions.prune(mlp([4, 3, 2]), 0.5)
    folder = masks.to_open_lth(tmp_path / "level_1")
    tensors = torch.load(folder / "mask.pth", weights_only=True)
    assert list(tensors) == ["0.weight", "2.weight"]
    assert np.array_equal(tensors["0.weight"].numpy(), masks["0"])
    report = json.loads((folder / "sparsity_report.json").read_text())
    assert report == {"total": 18, "unpruned": 12}
