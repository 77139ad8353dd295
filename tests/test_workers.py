"""Where tasks are computed: what is asked for is what joblib is told; nonsense is refused."""

import pickle
import sys

import joblib
import numpy as np
import pytest
from joblib.parallel import ThreadingBackend

import regions
from regions import workers
from regions.counting import effort
from regions.errors import ArgumentError, DependencyError
from regions.workers import Workers, results_of


@pytest.mark.parametrize(
    ("workers", "jobs"),
    [
        (Workers(), 1),
        (Workers(n_jobs=3), 3),
        (Workers(n_jobs=2, backend="threading"), 2),
        (Workers(n_jobs=-1), joblib.cpu_count()),
    ],
)
def test_joblib_is_told(workers, jobs):
    before = joblib.parallel.get_active_backend()
    with workers.active():
        backend, n_jobs = joblib.parallel.get_active_backend()
        assert joblib.effective_n_jobs(None) == jobs
        assert workers.backend in type(backend).__name__.lower()
        assert n_jobs == (workers.n_jobs or 1)
    assert joblib.parallel.get_active_backend()[1] == before[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"backend": "dask"}, "address is None"),
        ({"address": "tcp://localhost:1"}, "backend is 'loky'"),
    ],
)
def test_nonsense_is_refused(given, said):
    with pytest.raises(ArgumentError, match=said):
        Workers(**given)


def test_without_a_scheduler_or_without_dask(monkeypatch):
    pytest.importorskip("distributed")
    workers = Workers(backend="dask", address="nonsense://localhost:1")
    with pytest.raises(ArgumentError, match="no dask scheduler answers"), workers.active():
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DependencyError, match=r"dask\.distributed"), workers.active():
        pass


class Rounds(ThreadingBackend):
    """A backend that gives its results all at once, as ray's does."""

    supports_return_generator = False
    started = 0

    def configure(self, *args, **kwargs):
        type(self).started += 1
        return super().configure(*args, **kwargs)


def test_backends_without_generators_work_in_rounds(monkeypatch):
    monkeypatch.setitem(joblib.parallel.BACKENDS, "rounds", Rounds)
    taken = []

    def tasks():
        for x in range(5):
            taken.append(x)
            yield x, (x,)

    with joblib.parallel_config("rounds", n_jobs=2):
        with pytest.raises(ValueError, match="return_as"):
            joblib.Parallel(return_as="generator")(joblib.delayed(pow)(2, x) for x in range(2))
        found = results_of(pow, tasks(), (2,))
        before = Rounds.started
        assert next(found) == (0, 0) and len(taken) == 2
        assert [*found] == [(x, x * x) for x in range(1, 5)]
        assert Rounds.started == before + 1  # the same workers for all rounds


def test_on_ray(monkeypatch):
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    register_ray()
    monkeypatch.setattr(effort, "SECONDS_TO_START", dict.fromkeys(effort.SECONDS_TO_START, 0.0))
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        with joblib.parallel_config("ray", n_jobs=2):
            assert dict(results_of(pow, ((x, (x,)) for x in range(5)), (2,))) == {
                x: x * x for x in range(5)
            }
            rng = np.random.default_rng(0)
            shapes = ((9, 3), (9, 9), (1, 9))
            net = regions.as_network([(rng.normal(size=s), rng.normal(size=s[0])) for s in shapes])
            found = [
                regions.count_regions(net, regions.Box.cube(3, -1.0, 1.0), "cells", n_jobs=jobs)
                for jobs in (None, 2)
            ]
            assert found[0].count == found[1].count and found[1].status is regions.Status.EXACT
    finally:
        ray.shutdown()


def test_common_values_are_pickled_once_even_if_they_change():
    values = {"a": 1}
    common = workers._Common((values,), None)
    first = pickle.dumps(common)
    values["b"] = 2
    assert pickle.dumps(common) == first
    assert pickle.loads(first).values == ({"a": 1},)
