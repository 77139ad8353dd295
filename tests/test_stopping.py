"""Ctrl-C: workers are told, what they know comes back, and it is raised at the end."""

import os
import signal
import threading
import time

import pytest

from regions.counting.effort import Effort
from regions.errors import OutOfTime
from regions.stopping import stopping
from regions.workers import Workers, results_of


def counting(number, effort, folder):
    """Count until told to stop, but not for ever; say when 20 is reached."""
    count, end = 0, time.monotonic() + 60
    while not effort.expired():
        assert time.monotonic() < end, "nobody said stop"
        time.sleep(0.01)
        count += 1
        if count == 20:
            (folder / str(number)).touch()
    return count


@pytest.fixture(autouse=True)
def ctrl_c_interrupts():
    """Let Ctrl-C interrupt: a process that was started by another one may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_when(happened):
    def wait():
        while not happened():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_stop_and_nothing_they_counted_is_lost(backend, tmp_path):
    found = {}
    with Workers(n_jobs=2, backend=backend).active(), pytest.raises(KeyboardInterrupt):
        with Effort().shared() as effort:
            press_when(lambda: len(list(tmp_path.iterdir())) == 2)
            tasks = [(key, (key, effort, tmp_path)) for key in range(6)]
            found.update(results_of(counting, tasks))
    assert sorted(found) == list(range(6))  # those that had not begun give nothing, at once
    assert sorted(count >= 20 for count in found.values()) == [False] * 4 + [True] * 2


def test_what_ends_because_of_it_is_an_interrupt():
    with pytest.raises(KeyboardInterrupt), stopping() as sign:
        os.kill(os.getpid(), signal.SIGINT)
        while not sign.is_set():
            time.sleep(0.01)
        raise OutOfTime
    with pytest.raises(OutOfTime), stopping():
        raise OutOfTime


def test_the_second_one_ends_everything_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stopping():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    assert signal.getsignal(signal.SIGINT) is before
