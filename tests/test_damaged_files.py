"""Whatever is in a file: a loader gives what its constructor would accept, or one clear error."""

import dataclasses
import gzip
import itertools
import json
import os
import signal
import struct
import tracemalloc
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import torch
from damaged_files import broken, hostile_npy, hostile_npz, nested, npz, strange_json
from good_files import (
    CORRECT,
    COUNTS,
    DATA,
    IMAGES,
    LABELS,
    PAIRS,
    PUBLISHED,
    allocation_file,
    array_file,
    checkpoint_file,
    cifar_file,
    data_file,
    idx_file,
    masks_file,
    names_file,
    onnx_file,
    packed_idx_file,
    pairs_file,
    program_file,
    published_file,
    table_file,
    trained_file,
    weights_file,
)

import regions
from analyses import recall_published
from analyses.pruned_resnet import PrunedResnet, trained
from regions.cli.given import read_array
from regions.errors import ArgumentError, DataError, RegionsError
from regions.figures import save_table
from regions.networks.load import load_model
from regions.recall import report
from regions.training import Recipe, build_model, load_data, train
from regions.training.checkpoint import read_checkpoint, write_checkpoint

RANDOM = 60  # damaged copies of each file
SECONDS = 20  # after which a loader hangs


@contextmanager
def no_hang():
    def stop(*_):
        raise AssertionError(f"not done after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(load):
    """Return what a loader gives, or the package's error; any other error is a fault."""
    with no_hang():
        try:
            return load()
        except RegionsError as error:
            assert str(error) and "\n" not in str(error)[:80]
            return error


LOADERS = {
    "masks": (masks_file, regions.Masks.load),
    "allocation": (allocation_file, regions.Allocation.load),
    "data": (data_file, load_data),
    "network": (pairs_file, lambda path: load_model(str(path))),
    "weights": (weights_file, lambda path: load_model(f"good_files:factory@{path}")),
    "program": (program_file, lambda path: regions.as_network(load_model(str(path)))),
    "onnx": (onnx_file, lambda path: load_model(str(path))),
    "points": (array_file, read_array),
    "recall": (table_file, report),
    "trained": (trained_file, lambda path: trained(PrunedResnet(weights=path), "resnet20")),
    "published": (published_file, recall_published.read_tables),
    "idx": (idx_file, lambda path: load_data(path.parent)),
    "packed idx": (packed_idx_file, lambda path: load_data(path.parent)),
    "cifar": (cifar_file, lambda path: load_data(path.parent)),
    "class names": (names_file, lambda path: load_data(path.parent)),
    "checkpoint": (checkpoint_file, lambda path: read_checkpoint(path, "key")),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # what torch says of files it refuses
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("kind", LOADERS)
def test_random_damage_is_an_error_of_the_package(kind, tmp_path):
    make, load = LOADERS[kind]
    path = make(tmp_path)
    content = path.read_bytes()
    assert not isinstance(outcome(lambda: load(path)), Exception)  # the good file is read
    errors = 0
    for damaged in broken(content, np.random.default_rng(len(kind)), RANDOM):
        path.write_bytes(damaged)
        errors += isinstance(outcome(lambda: load(path)), RegionsError)
    assert errors > 6
    path.unlink()
    path.mkdir()
    if kind != "class names":
        assert isinstance(outcome(lambda: load(path)), DataError)


ARCHIVES = {
    "masks": lambda folder: dict(np.load(masks_file(folder))),
    "data": lambda folder: DATA,
    "network": lambda folder: PAIRS,
    "published": lambda folder: PUBLISHED,
    "checkpoint": lambda folder: dict(np.load(checkpoint_file(folder))),
}
MEMORY = 2**26  # bytes that reading a small file may take, whatever it announces


def peak_of(load):
    """Return the outcome of a loader and the most memory that it held."""
    tracemalloc.start()
    try:
        return outcome(load), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_that_announce_more_than_they_hold_are_refused_before_they_are_read(
    kind, tmp_path
):
    load, good = LOADERS[kind][1], ARCHIVES[kind](tmp_path)
    path, errors = tmp_path / "hostile.npz", 0
    for content in hostile_npz(good):
        path.write_bytes(content)
        found, peak = peak_of(lambda: load(path))
        errors += isinstance(found, RegionsError)
        assert peak < MEMORY, content[:200]
    assert errors > 40
    path.write_bytes(npz(good))
    assert not isinstance(outcome(lambda: load(path)), Exception)


def test_arrays_that_announce_more_than_they_hold_are_refused(tmp_path):
    path = tmp_path / "points.npy"
    for content in hostile_npy():
        path.write_bytes(content)
        found, peak = peak_of(lambda: read_array(path))
        assert isinstance(found, DataError) and peak < MEMORY


@pytest.mark.parametrize("label", [3 * 10**8, 2**40, 2**62, 2**63 + 1])
def test_a_label_of_any_size_builds_nothing_of_that_size(label, tmp_path):
    path = tmp_path / "data.npz"
    for where in ("y_train", "y_test"):
        labels = LABELS.astype(np.uint64)
        labels[3] = label
        path.write_bytes(npz({**DATA, where: labels}))
        found, peak = peak_of(lambda: load_data(path))
        assert isinstance(found, DataError) and str(label) in str(found)
        assert peak < MEMORY


def test_images_that_leave_float32_are_refused(tmp_path):
    path = tmp_path / "data.npz"
    for size in (1e300, 1e39, -1e38):
        images = np.where(np.arange(96).reshape(24, 2, 2) % 5, 1.0, size)
        path.write_bytes(npz({**DATA, "X_train": images, "X_test": -images}))
        found = outcome(lambda: load_data(path))
        assert isinstance(found, DataError) or np.isfinite(found.test.inputs).all()
    path.write_bytes(npz({**DATA, "X_train": IMAGES * 1e-60, "X_test": IMAGES * 1e-60}))
    assert np.isfinite(load_data(path).train.inputs).all()


def test_packed_idx_files_that_announce_more_than_they_can_hold(tmp_path):
    path = packed_idx_file(tmp_path)
    for shape in [(2**16, 2**8, 2**7), (2**31, 1, 1), (2**32 - 1,) * 3, (0, 0, 0)]:
        head = bytes([0, 0, 8, 3]) + struct.pack(">3I", *shape)
        path.write_bytes(gzip.compress(head + bytes(100)))
        found, peak = peak_of(lambda: load_data(tmp_path))
        assert isinstance(found, DataError) and peak < MEMORY


def allocations():
    for objective in ("effective-weights", "erk"):
        yield regions.allocate([9, 8, 7, 3], 0.3, objective=objective, fixed={"layer1": 0.2})


def test_every_strange_value_in_an_allocation_is_an_error_or_an_allocation(tmp_path):
    rng, path, kept = np.random.default_rng(0), tmp_path / "a.json", 0
    for allocation in allocations():
        text = json.dumps(allocation.to_dict())
        for content in itertools.chain(strange_json(text, rng, 600), nested()):
            path.write_bytes(content)
            found = outcome(lambda: regions.Allocation.load(path))
            if isinstance(found, Exception):
                assert isinstance(found, DataError) and "no allocation" in str(found)
                continue
            kept += 1
            # what is accepted can be used: it is written, read back, shown and tabulated
            assert regions.Allocation.load(found.save(tmp_path / "again.json")) == found
            assert found.summary() and len(found.to_frame()) == len(found.counts)
            assert 0 < found.density <= 1
            if found.shapes == allocation.shapes:
                assert found.apply(PAIRS_OF_ALLOCATION).counts == found.counts
    assert 0 < kept < 600  # such as another value of the objective


RNG = np.random.default_rng(0)
PAIRS_OF_ALLOCATION = [(RNG.normal(size=shape), None) for shape in ((8, 9), (7, 8), (3, 7))]

WRONG_FIELDS = {
    "counts": [-5, 10**9, 2.5, True, None, "7", 73],
    "uniform": [-5, 10**9, 2.5, None],
    "roles": ["unknown", None, 3, "whole"],
    "shapes": [[], [8], [8, 0], [8, -9], [8, 9.0], [8, "9"], None, 72],
}


@pytest.mark.parametrize("field", WRONG_FIELDS)
def test_impossible_allocations_are_refused_by_constructor_and_loader(field, tmp_path):
    good = regions.allocate([9, 8, 7, 3], 0.3)
    path = tmp_path / "a.json"
    for value in WRONG_FIELDS[field]:
        content = good.to_dict()
        content[field]["layer1"] = value
        path.write_text(json.dumps(content))
        with pytest.raises(DataError, match="no allocation"):
            regions.Allocation.load(path)
        part = {**getattr(good, field), "layer1": tuple(value) if type(value) is list else value}
        with pytest.raises(ArgumentError, match=r"layer1|count"):
            dataclasses.replace(good, **{field: part})
    for name in [field.name for field in dataclasses.fields(good)] + ["kind", "format"]:
        content = {key: value for key, value in good.to_dict().items() if key != name}
        path.write_text(json.dumps(content))
        with pytest.raises(DataError, match=name):
            regions.Allocation.load(path)
    for empty in ({}, {"layer1": (8, 9)}):
        with pytest.raises(ArgumentError):
            dataclasses.replace(good, shapes=empty)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1.5, None])
def test_infinite_objectives_are_read_back(value, tmp_path):
    good = dataclasses.replace(regions.allocate([9, 8, 3], 0.3), value=value, uniform_value=value)
    assert regions.Allocation.load(good.save(tmp_path / "a.json")) == good


def masks_with_head(entries, head):
    packed = np.frombuffer(head, np.uint8)
    return npz({**entries, "head": packed}) if packed.size else npz(entries)


def test_every_strange_value_in_the_head_of_masks_is_an_error_or_masks(tmp_path):
    rng, path, kept = np.random.default_rng(1), masks_file(tmp_path), 0
    entries = dict(np.load(path))
    head = entries.pop("head").tobytes().decode()
    graph = json.loads(head)["graph"]

    def heads():
        yield from strange_json(head, rng, 300)
        yield from nested()
        for content in strange_json(graph, rng, 700):  # the wiring is a text in the head
            text = content.decode("utf-8", "surrogatepass")
            yield json.dumps({**json.loads(head), "graph": text}).encode()
        for content in nested():
            yield json.dumps({**json.loads(head), "graph": content.decode()}).encode()

    for content in heads():
        path.write_bytes(masks_with_head(entries, content))
        found = outcome(lambda: regions.Masks.load(path))
        if isinstance(found, Exception):
            assert isinstance(found, DataError)
            continue
        kept += 1
        again = regions.Masks.load(found.save(tmp_path / "again.npz"))
        assert again == found and again.graph == found.graph
        assert found.summary() and repr(found)
        outcome(found.effective)  # a wiring that is read can be followed
    assert 0 < kept < 300


def test_strange_tables_of_recall_are_errors_of_the_package(tmp_path):
    import pandas as pd

    rng, path, errors = np.random.default_rng(2), tmp_path / "recall.csv", 0
    good = pd.DataFrame({**COUNTS, **CORRECT}).astype(object)
    values = ["", "x", -5, 2.5, 1e308, 10**400, "inf", "nan", None, 2**63, True, "\ud800", "a,b"]
    for _ in range(80):
        frame = good.copy()
        row, column = rng.integers(len(frame)), rng.integers(len(frame.columns))
        frame.iloc[row, column] = values[rng.integers(len(values))]
        path.write_bytes(frame.to_csv(index=False).encode("utf-8", "surrogatepass"))
        errors += isinstance(outcome(lambda: report(path)), RegionsError)
    assert errors > 40
    good.to_csv(path, index=False)
    assert not isinstance(outcome(lambda: report(path)), Exception)
    for content in (b"\0" * 1000, b"a,b\n" + b"\0" * 10, b'"' * 10000, b"\xff\xfe", b"," * 10**6):
        path.write_bytes(content)
        assert isinstance(outcome(lambda: report(path)), RegionsError)


def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "pipe.npz"
    os.mkfifo(path)
    loaders = [LOADERS[kind][1] for kind in ("masks", "allocation", "data", "network", "points")]
    for load in [*loaders, lambda p: load_model(f"good_files:factory@{p}")]:
        assert isinstance(outcome(partial(load, path)), RegionsError)


def test_a_checkpoint_with_other_arrays_is_refused(tmp_path):
    data = load_data(data_file(tmp_path))
    models = [build_model("mlp", data.image_shape, data.classes, hidden=(5,))]

    def run():
        return train(models, data, Recipe(epochs=2), checkpoint=tmp_path / "run")

    expected = run().parameters
    (path,) = (tmp_path / "run").iterdir()
    arrays = dict(np.load(path))
    key = str(arrays.pop("fingerprint"))
    for name, value in arrays.items():
        # shapes that would be broadcast, types that would be cast, and nothing at all
        odd = [value.reshape(-1)[:1].reshape((1,) * (value.ndim + 1)), value.astype(np.float16)]
        for changed in [{name: o} for o in odd] + [{name: None}]:
            other = {n: a for n, a in {**arrays, **changed}.items() if a is not None}
            write_checkpoint(path, other, key)
            with pytest.raises(DataError, match="another training"):
                run()
    write_checkpoint(path, {**arrays, "epoch": np.array(7)}, key)
    with pytest.raises(DataError, match="epoch 7"):
        run()
    write_checkpoint(path, arrays, key)
    assert all(torch.equal(value, expected[name]) for name, value in run().parameters.items())


def test_a_damaged_record_of_a_run_is_replaced(tmp_path):
    import pandas as pd

    run, frame = {"seed": 1}, pd.DataFrame({"x": [1]})
    path = save_table(frame, tmp_path / "a.csv", run)["run"]
    good = path.read_bytes()
    rng = np.random.default_rng(3)
    hostile = itertools.chain(
        broken(good, rng, 12), nested(), strange_json(good, rng, 20), [b"[1]", b"null", b"{}"]
    )
    for content in hostile:
        path.write_bytes(content)
        with no_hang():
            save_table(frame, tmp_path / "b.csv", run)
        assert "b.csv" in json.loads(path.read_text())["outputs"]


def test_few_bytes_do_not_become_a_memory_full_of_weights_or_images(tmp_path, monkeypatch):
    """A deflated file of zeros is a thousand times smaller than the arrays in it."""
    monkeypatch.setattr("regions.pruning.masks.files._LIMIT", 2**20)
    path = regions.Masks({"a": np.zeros((2048, 2048))}).save(tmp_path / "masks.npz")
    assert path.stat().st_size < 2**13
    found, peak = peak_of(lambda: regions.Masks.load(path))
    assert isinstance(found, DataError) and "4194304 weights" in str(found) and peak < 2**22
    monkeypatch.setattr("regions.training.source.MAX_BYTES", 750)
    data = data_file(tmp_path)
    data.write_bytes(npz({**DATA, "y_train": LABELS.astype(np.uint8), "y_test": LABELS[:0]}))
    found = outcome(lambda: load_data(data))
    assert isinstance(found, DataError) and "768 bytes as float32" in str(found)
