"""Models named by text: every form, and every way in which a file can be wrong."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError, DataError, RegionsError, UnsupportedModelError
from regions.networks.load import load_model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "zoo.py").write_text(
        "from torch import nn\n"
        "def mlp():\n    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def test_arrays(folder):
    state = {n: v.numpy() for n, v in mlp().state_dict().items()}
    np.savez("m.npz", **state)
    net = load_model("m.npz")
    x = torch.randn(3, 4)
    np.testing.assert_allclose(net(x.numpy()), mlp()(x).detach().numpy(), atol=1e-6)


def test_factory_with_weights(folder):
    torch.save(mlp().state_dict(), "w.pt")
    x = torch.randn(3, 4)
    assert torch.equal(load_model("zoo:mlp@w.pt")(x), mlp()(x))
    assert isinstance(load_model("zoo:mlp"), nn.Module)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's own, while it saves
def test_exported_program(folder):
    model, batch = mlp().eval(), torch.export.Dim("batch", min=2, max=1024)
    free = torch.export.export(model, (torch.zeros(2, 4),), dynamic_shapes=({0: batch},))
    torch.export.save(free, "free.pt2")
    net = regions.as_network(load_model("free.pt2"))
    x = torch.randn(3, 4)
    np.testing.assert_allclose(net(x.numpy()), model(x).detach().numpy(), atol=1e-6)
    torch.export.save(torch.export.export(model, (torch.zeros(2, 4),)), "fixed.pt2")
    with pytest.raises(UnsupportedModelError, match="free batch axis"):
        regions.as_network(load_model("fixed.pt2"))


def test_wrong_sources(folder):
    np.savez("names.npz", a=np.ones((2, 2)))
    np.savez("objects.npz", **{"a.weight": np.array([None])})
    whole = (folder / "names.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "text.pt2").write_text("no program")
    (folder / "w.pt").write_bytes(pickle.dumps({"not": "tensors", "f": print}))
    torch.save({"other": torch.ones(1)}, "other.pt")
    cases = {
        "nothing": (ArgumentError, "expected a .onnx"),
        "missing.onnx": (DataError, "no file"),
        "names.npz": (DataError, "NAME.weight"),
        "objects.npz": (DataError, "plain arrays"),
        "cut.npz": (DataError, "plain arrays"),
        "text.pt2": (DataError, "torch.export.save"),
        "zoo:nothing": (ArgumentError, "zoo:nothing"),
        "nowhere:mlp": (ArgumentError, "nowhere"),
        "zoo:mlp@missing.pt": (DataError, "no file"),
        "zoo:mlp@w.pt": (DataError, "state_dict"),
        "zoo:mlp@other.pt": (DataError, "state_dict"),
    }
    for source, (error, message) in cases.items():
        with pytest.raises(RegionsError, match=message) as caught:
            load_model(source)
        assert isinstance(caught.value, error), source


def packed(path, shape, data):
    """An archive whose array declares a shape of its own."""
    head = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, header)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.weight.npy", head.getvalue() + data)
    return str(path)


@pytest.mark.parametrize("shape", [(10**7, 10**7), (-3, 2), (5, 2)])
def test_declared_shapes_that_the_data_do_not_have(tmp_path, shape):
    assert load_model(packed(tmp_path / "m.npz", (3, 2), bytes(48))).widths == (2, 3)
    with pytest.raises(DataError, match="plain arrays"):
        load_model(packed(tmp_path / "m.npz", shape, bytes(48)))


def test_damaged_archives_are_refused_or_read(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "m.npz"
    np.savez_compressed(path, **{"a.weight": rng.standard_normal((8, 9))})
    whole, refused = path.read_bytes(), 0
    for _ in range(100):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            load_model(str(path))
        except RegionsError:
            refused += 1
    assert refused > 50
