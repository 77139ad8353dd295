"""One small good file of every kind that the package reads."""

import gzip
import itertools
import struct

import numpy as np
import pytest
import torch
from damaged_files import npz
from torch import nn

import regions
from analyses import recall_published
from regions.training.checkpoint import write_checkpoint


class Factory(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


def factory():
    return Factory()


IMAGES = np.arange(24 * 4, dtype=np.uint8).reshape(24, 2, 2)
LABELS = np.arange(24) % 3
DATA = {"X_train": IMAGES, "y_train": LABELS, "X_test": IMAGES, "y_test": LABELS}
PAIRS = {
    "layer1.weight": np.ones((4, 3)),
    "layer1.bias": np.ones(4),
    "output.weight": np.ones((2, 4)),
}
COUNTS = {"model": [0, 0, 1, 1], "class": ["a", "b"] * 2, "ratio": [2] * 4, "n": [10] * 4}
CORRECT = {"correct_dense": [9, 7, 8, 6], "correct_pruned": [7, 5, 6, 5]}
PUBLISHED = {
    name: np.full((2, 10), 900)
    for a in recall_published.ALGORITHMS
    for name in (f"dense_{a}", *(f"{a}_{ratio}" for ratio in recall_published.RATIOS))
}


def trained_file(folder):
    path = folder / "trained.npz"
    np.savez(path, **{"resnet20/fc.bias": np.zeros(10), "resnet56/fc.bias": np.ones(10)})
    return path


def masks_file(folder):
    residual = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 2)
    )
    masks = regions.prune(residual, 0.5, "random", input_shape=(1, 4, 4))
    repaired = {"4.weight": np.ones((2, 8)), "4.bias": np.zeros(2)}
    return regions.Masks(masks.arrays, masks.graph, "", repaired).save(folder / "masks.npz")


def allocation_file(folder):
    return regions.allocate([9, 8, 7, 3], 0.3).save(folder / "allocation.json")


def data_file(folder):
    (folder / "data.npz").write_bytes(npz({**DATA, "class_names": np.array(["a", "b", "c"])}))
    return folder / "data.npz"


def pairs_file(folder):
    (folder / "net.npz").write_bytes(npz(PAIRS))
    return folder / "net.npz"


def published_file(folder):
    (folder / "counts.npz").write_bytes(npz(PUBLISHED))
    return folder / "counts.npz"


def array_file(folder):
    np.save(folder / "points.npy", np.arange(6.0).reshape(2, 3))
    return folder / "points.npy"


def table_file(folder):
    import pandas as pd

    pd.DataFrame({**COUNTS, **CORRECT}).to_csv(folder / "recall.csv", index=False)
    return folder / "recall.csv"


def weights_file(folder):
    torch.save(factory().state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


def program_file(folder):
    from torch.export import Dim

    program = torch.export.export(
        factory(), (torch.ones(2, 3),), dynamic_shapes={"x": {0: Dim("rows")}}
    )
    torch.export.save(program, folder / "net.pt2")
    return folder / "net.pt2"


def onnx_file(folder):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = [np.ones((4, 3), np.float32), np.ones((2, 4), np.float32)]
    tensors = [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)]
    nodes = [
        helper.make_node("Gemm", ["x", "w0"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w1"], ["y"], transB=1),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])]
        for name, size in (("x", 3), ("y", 2))
    ]
    model = helper.make_model(helper.make_graph(nodes, "net", *ends, initializer=tensors))
    onnx.save(model, folder / "net.onnx")
    return folder / "net.onnx"


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def idx_file(folder, packed=False):
    parts = {"images-idx3": IMAGES, "labels-idx1": LABELS}
    for (kind, array), part in itertools.product(parts.items(), ("train", "t10k")):
        content = gzip.compress(idx(array)) if packed else idx(array)
        (folder / f"{part}-{kind}-ubyte{'.gz' * packed}").write_bytes(content)
    return folder / f"train-images-idx3-ubyte{'.gz' * packed}"


def packed_idx_file(folder):
    return idx_file(folder, packed=True)


def cifar_file(folder):
    for name in [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]:
        records = np.zeros((10, 3073), np.uint8)
        records[:, 0] = np.arange(10)
        (folder / name).write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"))
    return folder / "test_batch.bin"


def names_file(folder):
    cifar_file(folder)
    return folder / "batches.meta.txt"


def checkpoint_file(folder):
    write_checkpoint(folder / "stack.npz", {"values": np.ones(9), "epoch": np.array(1)}, "key")
    return folder / "stack.npz"
