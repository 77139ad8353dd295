"""A dask scheduler and workers as processes of their own, for tests."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
SECONDS = 120


class Machines:
    """A scheduler and workers, each a process in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.running = folder, []
        self.file = folder / "scheduler.json"
        self.start("scheduler", "--port", "0", "--dashboard-address", ":0", "--host", "127.0.0.1")
        self.wait(self.file.exists)
        distributed = pytest.importorskip("distributed")
        self.client = distributed.Client(scheduler_file=str(self.file), timeout=SECONDS)
        self.address = self.client.scheduler.address

    def start(self, kind, *options, first=None):
        path = [str(first)] if first else []
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*path, str(HERE), str(HERE / "tests")]),
        }
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        home = self.folder / f"{kind}-{len(list(self.folder.iterdir()))}"
        home.mkdir()
        self.running.append(
            subprocess.Popen(
                [*command, "--scheduler-file", str(self.file)],
                cwd=home,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return self.running[-1]

    def add_worker(self, first=None):
        known = len(self.client.scheduler_info()["workers"])
        options = (
            "--nthreads",
            "1",
            "--no-nanny",
            "--dashboard-address",
            ":0",
            "--host",
            "127.0.0.1",
        )
        worker = self.start("worker", *options, first=first)
        self.wait(lambda: len(self.client.scheduler_info()["workers"]) > known)
        return worker

    def worked(self):
        """Return how often a task has gone a step further so far."""
        return self.client.run_on_scheduler(
            lambda dask_scheduler: dask_scheduler.transition_counter
        )

    def without(self, worker):
        """Wait until the scheduler knows that a worker has died."""
        worker.wait(SECONDS)
        self.running.remove(worker)
        self.wait(lambda: len(self.client.scheduler_info()["workers"]) < len(self.running))

    def wait(self, happened):
        end = time.monotonic() + SECONDS
        while not happened():
            assert time.monotonic() < end, "nothing happened for two minutes"
            time.sleep(0.02)

    def close(self):
        self.client.close(timeout=5)
        for process in reversed(self.running):
            process.kill()
            process.wait()
