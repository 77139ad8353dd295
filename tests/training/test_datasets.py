import gzip
import pickle
import struct
import zipfile

import numpy as np
import pytest

from regions.errors import ArgumentError, DataError
from regions.training import load_data
from regions.training import source as source_module
from regions.training.datasets import split_by_class


def images(count, shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def labels(count, classes=3):
    return np.arange(count) % classes


def write_npz(path, **changes):
    arrays = {
        "X_train": images(30, (5, 4)),
        "y_train": labels(30),
        "X_test": images(6, (5, 4), 1),
        "y_test": labels(6),
    } | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder, dots=False, gz=False):
    parts = {
        "train-images-idx3": images(12, (5, 4)),
        "train-labels-idx1": labels(12),
        "t10k-images-idx3": images(6, (5, 4), 1),
        "t10k-labels-idx1": labels(6),
    }
    folder.mkdir(exist_ok=True)
    for name, array in parts.items():
        name = name.replace("-idx", ".idx") if dots else name
        content = idx_bytes(array)
        path = folder / f"{name}-ubyte{'.gz' if gz else ''}"
        path.write_bytes(gzip.compress(content) if gz else content)
    return folder


def write_cifar(folder, classes):
    folder.mkdir(exist_ok=True)
    coarse = [0] if classes == 100 else []
    pictures = images(classes, (3072,))
    records = [
        np.concatenate([np.array([*coarse, label], np.uint8), pictures[label]])
        for label in range(classes)
    ]
    content = np.stack(records).tobytes()
    names = ["train.bin"] if classes == 100 else [f"data_batch_{i}.bin" for i in range(1, 6)]
    for name in [*names, "test.bin" if classes == 100 else "test_batch.bin"]:
        (folder / name).write_bytes(content)
    return folder, pictures


def test_parts_of_digits_do_not_mix():
    from sklearn.datasets import load_digits

    data = load_data("digits", validation=0.2)
    known = {image.tobytes() for image in load_digits().images.astype(np.float32)}
    seen = []
    for part in (data.train, data.validation, data.test):
        restored = np.rint(part.inputs * data.sd + data.mean)
        assert {image.tobytes() for image in restored} <= known
        seen.append(len(part))
    assert seen == [1150, 287, 360]
    half = load_data("digits-half", validation=0.2)
    assert [len(part) for part in (half.train, half.validation, half.test)] == [718, 179, 900]
    assert np.bincount(half.test.labels).min() > 85
    other = load_data("digits", validation=0.2, rng=1)
    assert not np.array_equal(other.validation.inputs, data.validation.inputs)
    assert np.array_equal(other.test.labels, data.test.labels)


def test_statistics_come_from_the_training_part_alone(tmp_path):
    test = np.full((6, 5, 4), 255, np.uint8)
    data = load_data(write_npz(tmp_path / "a.npz", X_test=test), validation=0.2)
    assert abs(data.train.inputs.mean()) < 1e-6 and abs(data.train.inputs.std() - 1) < 1e-6
    assert data.test.inputs.min() > 1 and data.mean.shape == (1, 1, 1)
    raw = data.train.inputs * data.sd + data.mean
    assert data.mean == pytest.approx(raw.mean(), rel=1e-5)


def test_constant_pixels_become_zero(tmp_path):
    train = images(30, (5, 4))
    train[:, 0, 0] = 7
    data = load_data(write_npz(tmp_path / "a.npz", X_train=train), standardise="pixel")
    assert (data.train.inputs[:, 0, 0, 0] == 0).all()
    np.testing.assert_allclose(data.train.inputs.std(0).reshape(-1)[1:], 1, rtol=1e-5)


def test_classes_are_drawn_in_proportion():
    y = np.repeat([0, 1, 2], [50, 30, 20])
    inside, rest = split_by_class(y, 10, np.random.default_rng(0))
    assert np.bincount(y[inside]).tolist() == [5, 3, 2]
    assert sorted([*inside, *rest]) == list(range(100))
    for count in range(101):
        assert len(split_by_class(y, count, np.random.default_rng(0))[0]) == count


def test_a_sample_keeps_the_proportions_and_the_pairs():
    train = load_data("digits").train
    part = train.sample(100, rng=3)
    shares = np.bincount(part.labels) / 100 - np.bincount(train.labels) / len(train)
    assert len(part) == 100 and np.abs(shares).max() < 0.01
    known = {
        image.tobytes(): label for image, label in zip(train.inputs, train.labels, strict=True)
    }
    assert all(
        known[i.tobytes()] == label for i, label in zip(part.inputs, part.labels, strict=True)
    )
    assert len(train.sample(10**6)) == len(train)
    with pytest.raises(ArgumentError, match="0 images were asked for"):
        train.sample(0)


def test_limit_and_no_validation(tmp_path):
    data = load_data(write_npz(tmp_path / "a.npz"), limit=9, validation=0.0)
    assert np.bincount(data.train.labels).tolist() == [3, 3, 3] and len(data.validation) == 0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5, 4), (1, 5, 4)), ((5, 4, 3), (3, 5, 4)), ((3, 5, 4), (3, 5, 4)), ((7,), (7,))],
)
def test_npz_channels_come_first(tmp_path, shape, expected):
    raw = images(30, shape)
    path = write_npz(tmp_path / "a.npz", X_train=raw, X_test=images(6, shape))
    data = load_data(path, validation=0)
    assert data.image_shape == expected == data.train.inputs.shape[1:]
    restored = np.rint(data.train.inputs * data.sd + data.mean)
    first = raw[0].transpose(2, 0, 1) if shape == (5, 4, 3) else raw[0].reshape(expected)
    np.testing.assert_array_equal(restored[0], first)


def test_npz_class_names(tmp_path):
    data = load_data(write_npz(tmp_path / "a.npz", class_names=np.array(["a", "b", "c"])))
    assert data.class_names == ("a", "b", "c") and data.classes == 3 and data.name == "a"


@pytest.mark.parametrize(("dots", "gz"), [(False, False), (True, False), (False, True)])
def test_idx_folders(tmp_path, dots, gz):
    data = load_data(write_idx(tmp_path / "mnist", dots, gz), validation=0)
    restored = np.rint(data.train.inputs * data.sd + data.mean).astype(np.uint8)
    np.testing.assert_array_equal(restored[:, 0], images(12, (5, 4)))
    np.testing.assert_array_equal(data.test.labels, labels(6))


@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_folders(tmp_path, classes):
    folder, pictures = write_cifar(tmp_path / "cifar", classes)
    data = load_data(folder, validation=0)
    assert data.image_shape == (3, 32, 32) and data.classes == classes
    restored = np.rint(data.test.inputs * data.sd[None] + data.mean[None]).astype(np.uint8)
    np.testing.assert_array_equal(restored.reshape(classes, -1), pictures)
    (folder / "batches.meta.txt").write_text("\n".join(f"name{i}" for i in range(10)) + "\n\n")
    if classes == 10:
        assert load_data(folder).class_names[3] == "name3"


def test_the_hash_follows_the_bytes(tmp_path):
    first = load_data(write_npz(tmp_path / "a.npz")).source_hash
    changed = images(30, (5, 4))
    changed[3, 2, 1] += 1
    assert load_data(write_npz(tmp_path / "a.npz", X_train=changed)).source_hash != first


WRONG_NPZ = [
    ({"y_test": None}, "missing"),
    ({"y_train": labels(29)}, "30 images but 29 labels"),
    ({"y_train": labels(30, 4), "class_names": np.array(["a", "b", "c"])}, "from 0 to 3"),
    ({"y_train": labels(30) - 1}, "from -1"),
    ({"y_test": labels(6, 5)}, "from 0 to 4"),
    ({"y_train": labels(30) * 2, "y_test": labels(6) * 2}, "no training image"),
    ({"y_train": labels(30).astype(float)}, "expected integers"),
    ({"y_train": np.stack([labels(30)] * 2, axis=1)}, "expected integers"),
    ({"y_train": labels(30).astype(object)}, "without pickles"),
    ({"X_test": images(6, (4, 4))}, "same shape"),
    ({"X_train": np.full((30, 5, 4), np.nan)}, "NaN"),
    ({"X_train": images(30, (5, 4)).astype(str)}, "expected numbers"),
    ({"X_train": images(30, (5, 4, 7))}, "1 or 3 channels"),
    ({"X_train": images(30, ())}, "expected numbers"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG_NPZ)
def test_wrong_npz_files(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        load_data(write_npz(tmp_path / "a.npz", **changes))


def test_damaged_files(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "a.npz")
    content = path.read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(DataError, match="cannot be read"):
            load_data(path)
    path.write_bytes(pickle.dumps({"X_train": 1}))
    with pytest.raises(DataError, match="cannot be read"):
        load_data(path)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"X_train": 1}))
    with pytest.raises(DataError, match=r"no \.npz file"):
        load_data(tmp_path / "a.pkl")
    with pytest.raises(DataError, match="does not exist"):
        load_data(tmp_path / "absent.npz")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X_train.npy", b"0" * 10_000)
    monkeypatch.setattr(source_module, "MAX_BYTES", 5_000)
    with pytest.raises(DataError, match="the limit is 5000"):
        load_data(path)


def test_damaged_idx_files(tmp_path, monkeypatch):
    folder = write_idx(tmp_path / "mnist")
    path = folder / "train-images-idx3-ubyte"
    content = path.read_bytes()
    for damaged, message in [
        (content[:-1], "only 239"),
        (content + b"0", "it has more"),
        (content[:6], "inside its header"),
        (content[:3], "starts with"),
        (idx_bytes(labels(12)), "expected 00000803"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=message):
            load_data(folder)
    path.write_bytes(content)
    monkeypatch.setattr(source_module, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="the limit is 100"):
        load_data(folder)
    monkeypatch.undo()
    path.unlink()
    with pytest.raises(DataError, match="'train-images'"):
        load_data(folder)
    packed = folder / "train-images-idx3-ubyte.gz"
    packed.write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        load_data(folder)


def test_damaged_cifar_files(tmp_path, monkeypatch):
    folder, _ = write_cifar(tmp_path / "cifar", 10)
    path = folder / "data_batch_3.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="multiple of 3073"):
        load_data(folder)
    path.write_bytes(bytes([10]) + content[1:])
    with pytest.raises(DataError, match="from 0 to 10"):
        load_data(folder)
    monkeypatch.setattr(source_module, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="the limit is 100"):
        load_data(folder)
    monkeypatch.undo()
    path.unlink()
    with pytest.raises(DataError, match="data_batch_3"):
        load_data(folder)


def test_other_folders(tmp_path):
    with pytest.raises(DataError, match="holds neither"):
        load_data(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({}))
    with pytest.raises(DataError, match="binary version"):
        load_data(tmp_path)


def test_wrong_options():
    for options, message in [
        ({"validation": 1.0}, "fraction"),
        ({"validation": -0.1}, "fraction"),
        ({"standardise": "image"}, "'channel' or 'pixel'"),
        ({"limit": 0}, "1 or more"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            load_data("digits", **options)
    for source in (load_data("digits").train, None, np.zeros((5, 3))):  # half a pair, or less
        with pytest.raises(ArgumentError, match=r"a pair \(training, test\)"):
            load_data(source)
