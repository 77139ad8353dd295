"""Workers share subtrees: loky, dask, and workers that die."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
from counting_oracles import count_cells, count_vertices, dense, random_layers
from families import case as drawn_case

import regions
from regions.counting import effort
from regions.counting.effort import Effort
from regions.counting.tree import tally
from regions.counting.tree.enumerate import enumerate_regions
from regions.counting.tree.frame import frame_of
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.vertex_tree import vertex_tree
from regions.counting.undecided import Undecided


@pytest.fixture
def case(rng):
    net, box = dense(*random_layers(rng, [3, 8, 8])), regions.Box.cube(3, -1.0, 1.0)
    return net, box, count_cells(net, box).count


def test_two_loky_workers(case):
    net, box, expected = case
    assert count_cells(net, box, n_jobs=2).count == expected
    assert count_vertices(net, box, n_jobs=2).count == expected
    patterns = {region.pattern.tobytes() for region in enumerate_regions(net, box, n_jobs=2)}
    assert len(patterns) == expected
    short = count_cells(net, box, n_jobs=2, time_limit=1e-6)
    assert short.status.name == "LIMIT_REACHED"


@pytest.mark.parametrize("method", ["line", "plane", "cells", "vertices"])
@pytest.mark.parametrize("start", [0.0, 60.0])
def test_what_is_done_before_workers_are_of_use_stays_and_says_so(rng, monkeypatch, method, start):
    inputs = {"line": 1, "plane": 2}.get(method, 3)
    net, box = dense(*random_layers(rng, [inputs, 8, 8])), regions.Box.cube(inputs, -1.0, 1.0)
    expected = regions.count_regions(net, box, method=method)
    # threads work within this process, whatever they start
    monkeypatch.setattr(effort, "SECONDS_TO_START", dict.fromkeys(effort.SECONDS_TO_START, start))
    with joblib.parallel_config("threading"):
        found = regions.count_regions(net, box, method=method, n_jobs=2)
    assert found.count == expected.count and "workers" not in expected.details
    said = "stayed on one core"
    assert (found.details.get("workers") == said) == (start > 0) == (said in found.summary())


# loky's own thread may look for a task that was just cancelled, while its executor ends
@pytest.mark.filterwarnings("ignore:Exception in thread ExecutorManagerThread")
def test_ctrl_c_among_regions_is_raised_at_once_and_leaves_the_handler(case):
    net, box, expected = case
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = []
        with pytest.raises(KeyboardInterrupt):
            for region in enumerate_regions(net, box, n_jobs=2):
                found.append(region.pattern.tobytes())
                if len(found) == 5:
                    os.kill(os.getpid(), signal.SIGINT)
        assert 5 <= len(set(found)) == len(found) < expected
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def _kill_once(piece, effort, tree, flag):
    """Count a piece, but kill the process of the first one that comes here."""
    try:
        Path(flag).touch(exist_ok=False)
    except FileExistsError:
        return tally._count_piece(piece, effort, tree)
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A picklable unit of work that loses its worker once."""

    def __init__(self, flag):
        self.flag = str(flag)

    def __call__(self, piece, effort, tree):
        return _kill_once(piece, effort, tree, self.flag)


def _count_with(work, net, box, n_jobs):
    tree, pieces = tally.pieces_of(*halfspace_tree(frame_of(net, box)), 48)
    found = list(tally.in_parallel(work, tree, pieces, Effort(n_jobs=n_jobs)))
    assert all(complete and left == Undecided() for _, complete, left in found)
    return sum(count for count, _, _ in found)


def test_a_killed_loky_worker_loses_nothing(case, tmp_path):
    net, box, expected = case
    assert _count_with(Deadly(tmp_path / "killed"), net, box, 2) == expected
    assert (tmp_path / "killed").exists()


def test_a_killed_dask_worker_loses_nothing(case, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    import dask

    net, box, expected = case
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
        ) as cluster,
        distributed.Client(cluster),
    ):
        found = []

        def count():
            with joblib.parallel_config(backend="dask"):
                found.append(_count_with(Deadly(tmp_path / "killed"), net, box, 2))

        # dask waits for ever if all workers are gone: then the test fails instead
        thread = threading.Thread(target=count, daemon=True)
        thread.start()
        thread.join(timeout=120)
        assert found == [expected]
    assert (tmp_path / "killed").exists()


def test_pieces_cover_the_tree(case):
    net, box, expected = case
    tree, pieces = tally.pieces_of(*halfspace_tree(frame_of(net, box)), 48)
    assert len(pieces) >= 48
    assert sum(sum(tree.counts(piece)) for piece in pieces) == expected
    assert np.all([piece.state is None for piece in pieces])


@pytest.mark.parametrize("family", ["bias_free", "fractions"])
def test_what_is_settled_on_the_way_to_the_pieces(family):
    # a tree lets the clock be read after every exact decision, with no children
    for seed in range(6):
        drawn = drawn_case(family, seed)
        if drawn.domain is not None and drawn.domain.bounded:
            tree, root = vertex_tree(frame_of(drawn.net, drawn.domain), Effort())
            tree, pieces = tally.pieces_of(tree, root, 48)
            found = sum(sum(tree.counts(piece)) for piece in pieces)
            assert found == count_cells(drawn.net, drawn.domain).count


def test_little_is_cut_before_the_workers_start(rng):
    # the first layer alone has more than a thousand cells
    net = dense(*random_layers(rng, [3, 20, 5]))
    found = halfspace_tree(frame_of(net, regions.Box.cube(3, -2.0, 2.0)))
    tree, pieces = tally.pieces_of(*found, 48)
    assert 48 <= sum(map(len, pieces)) <= 300
    assert [len(stage.units) for stage in tree.stages][-1] == 5 and len(tree.stages) > 2
