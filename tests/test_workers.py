"""Where tasks are computed: what is asked for is what joblib is told; nonsense is refused."""

import sys

import joblib
import pytest

from regions.errors import ArgumentError, DependencyError
from regions.workers import Workers


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
