"""Work that ends before workers could start stays here; other work is shared."""

import os
import pickle
import subprocess
import sys
import time
from contextlib import nullcontext

import joblib
import numpy as np
import pytest

import regions
from regions.counting import effort
from regions.counting.effort import Effort
from regions.errors import OutOfTime


def whose(seconds):
    """Take so much CPU time, or, if negative, wait so long."""
    time.sleep(max(0.0, -seconds))
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return os.getpid()


@pytest.mark.parametrize(
    ("seconds", "start", "others"),
    [(0.0, 60.0, False), (0.02, 0.06, True), (-0.02, 0.06, False)],
    ids=["none", "long", "waiting"],
)
def test_only_work_that_takes_longer_than_their_start_is_sent_to_workers(
    monkeypatch, seconds, start, others
):
    monkeypatch.setattr(effort, "SECONDS_TO_START", {"processes": start})
    tasks = [(key, (seconds,)) for key in range(16)]
    found = dict(Effort(n_jobs=2).results_of(whose, tasks, ()))
    assert sorted(found) == list(range(16))
    assert found[0] == os.getpid()
    assert (set(found.values()) != {os.getpid()}) == others


@pytest.mark.parametrize(("start", "stayed"), [(60.0, True), (0.0, False)])
def test_it_is_known_whether_all_stayed_on_one_core(monkeypatch, start, stayed):
    monkeypatch.setattr(effort, "SECONDS_TO_START", {"processes": start})
    tasks, asked = [(key, (0.0,)) for key in range(16)], Effort(n_jobs=2)
    with asked.shared() as told:  # what a copy used is known to all
        assert len(list(told.results_of(whose, tasks, ()))) == 16
    assert asked.stayed == stayed
    assert not Effort().stayed and not Effort(n_jobs=1).stayed


@pytest.mark.parametrize(
    ("backend", "prefer", "kind"),
    [
        (None, None, "processes"),
        (None, "threads", "threads"),
        ("loky", "threads", "processes"),
        ("threading", None, "threads"),
    ],
)
def test_workers_are_those_that_the_user_chose(backend, prefer, kind):
    with nullcontext() if backend is None else joblib.parallel_config(backend, n_jobs=2):
        assert effort.kind_of_workers(prefer) == kind


def test_threads_start_at_once():
    tasks = [(key, (0.0,)) for key in range(4)]
    assert set(dict(Effort(n_jobs=2).results_of(whose, tasks, (), prefer="threads"))) == {
        0,
        1,
        2,
        3,
    }


MACHINE = """
import pickle, sys, time
here = time.perf_counter
time.perf_counter = lambda: here() + float(sys.argv[1])
ample, over, free = pickle.load(sys.stdin.buffer)
print(ample.left, ample.expired(), over.left, free.left, free.expired())
"""


@pytest.mark.parametrize("booted", [-1e6, 1e6])
def test_a_limit_travels_as_seconds_that_are_left(booted):
    """A machine's clock counts from its own start: an earlier or a later one changes nothing."""
    sent = pickle.dumps((Effort(time_limit=100.0), Effort(time_limit=1e-9), Effort()))
    there = [sys.executable, "-c", MACHINE, str(booted)]
    done = subprocess.run(there, input=sent, capture_output=True, check=True)
    ample, *rest = done.stdout.decode().split()
    assert 50 < float(ample) <= 100
    assert rest == ["False", "0.001", "None", "False"]


@pytest.mark.parametrize("error", [TimeoutError("a worker does not answer"), OSError("lost")])
def test_only_our_own_exception_is_a_time_limit(error):
    def failing():
        raise error

    net = regions.as_network([(np.eye(2), None), (np.ones((1, 2)), None)])
    with pytest.raises(type(error), match=str(error)) as caught:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Effort, "check", lambda self: failing())
            regions.count_regions(net, regions.Box.cube(2, -1.0, 1.0), method="vertices")
    assert not isinstance(caught.value, OutOfTime)
