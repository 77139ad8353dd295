"""Work that ends before workers could start stays here; other work is shared."""

import os
import time

import pytest

from regions.counting import effort
from regions.counting.effort import Effort


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


def test_threads_start_at_once():
    tasks = [(key, (0.0,)) for key in range(4)]
    assert set(dict(Effort(n_jobs=2).results_of(whose, tasks, (), prefer="threads"))) == {
        0,
        1,
        2,
        3,
    }
