"""Options of engines and arguments of `count_regions`: numbers of any type, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

import regions
from regions.choices import choose
from regions.counting import ENGINES, count_regions
from regions.counting.effort import Effort
from regions.errors import ArgumentError, DomainError

NET = regions.as_network([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
SQUARE = regions.Box.cube(2, -1.0, 1.0)
NO_NUMBERS = [True, np.bool_(True), "5", b"5", [5], np.ones(2), 1j, float("nan"), {}]
WHOLE = [("sample", "samples"), ("estimate", "walks"), ("estimate", "strata")]
WHOLE += [("estimate", "leaves"), ("parity", "trials"), ("parity", "size")]
SHARES = [("estimate", "confidence"), ("parity", "confidence")]


def engine_of(method, options):
    return choose("method", method, ENGINES, options)


@pytest.mark.parametrize(("method", "name"), WHOLE)
def test_whole_numbers(method, name):
    for wrong in [*NO_NUMBERS, None, 0, -1, 2.5, np.float32(2)]:
        with pytest.raises(ArgumentError, match=f"{name} is"):
            engine_of(method, {name: wrong})
    for right in (3, np.int64(3), np.uint8(3)):
        assert getattr(engine_of(method, {name: right}), name) == 3


@pytest.mark.parametrize(("method", "name"), SHARES)
def test_confidences(method, name):
    for wrong in [*NO_NUMBERS, None, 0, 1, -0.5, 1.5, float("inf")]:
        with pytest.raises(ArgumentError, match=f"{name} is"):
            engine_of(method, {name: wrong})
    assert engine_of(method, {name: np.float32(0.5)}).confidence == 0.5


@pytest.mark.parametrize("method", ["sample", "estimate", "parity"])
def test_seeds(method):
    for wrong in ["5", True, -1, 2.5, [1], {}]:
        with pytest.raises(ArgumentError, match="rng is"):
            count_regions(NET, SQUARE, method=method, rng=wrong)
    seeds = (5, np.int64(5), np.random.default_rng(5))
    assert len({count_regions(NET, SQUARE, method="sample", rng=rng).lower for rng in seeds}) == 1


def test_parities():
    for wrong in [True, "5", 0, -1, 2.5, [], [0], [1, 2.5], [True], np.zeros(2), {}]:
        with pytest.raises(ArgumentError, match="parities is"):
            engine_of("parity", {"parities": wrong})
    for wrong in [*NO_NUMBERS, None, 0, -1.0]:
        with pytest.raises(ArgumentError, match="slack is"):
            engine_of("parity", {"slack": wrong})
    for right in (np.int64(1), [2, 1], np.array([1, 2])):
        assert count_regions(NET, SQUARE, method="parity", parities=right).lower >= 1


@pytest.mark.parametrize("method", ["milp", "parity"])
def test_solvers(method):
    for wrong in ["glpk", None, 5, ["highs"], True]:
        with pytest.raises(ArgumentError, match="solver is"):
            count_regions(NET, SQUARE, method=method, solver=wrong)


def test_constraints():
    table, limits = np.ones((1, 2)), np.ones(1)
    for wrong in [
        "ab",
        5,
        (table,),
        (table, 5.0),
        ("a", "b"),
        (table, [np.inf]),
        (table.T, limits),
    ]:
        with pytest.raises(ArgumentError, match="constraints"):
            count_regions(NET, SQUARE, method="milp", constraints=wrong)
    for wrong in [(np.full((1, 2), np.nan), limits), (table, [[1.0]]), (table, [None])]:
        with pytest.raises(ArgumentError, match="constraints"):
            count_regions(NET, SQUARE, method="milp", constraints=wrong)


def test_points():
    for wrong in [
        "ab",
        [["a", "b"]],
        [],
        np.zeros((0, 3)),
        np.zeros(2),
        [[np.nan, 0]],
        [[0, None]],
    ]:
        with pytest.raises(ArgumentError, match="points"):
            count_regions(NET, SQUARE, method="sample", points=wrong)
    with pytest.raises(ArgumentError, match="outside"):
        count_regions(NET, SQUARE, method="sample", points=[[2, 2]])
    for kind in (np.int64, np.float32):
        points = np.array([[-1, 1], [1, 1], [1, -1], [-1, -1]] * 5, dtype=kind)
        assert count_regions(NET, SQUARE, method="sample", points=points).lower == 4


def test_limits_and_workers():
    for wrong in [*NO_NUMBERS, 0, -1.0]:
        with pytest.raises(ArgumentError, match="time_limit is"):
            Effort(time_limit=wrong)
    for wrong in [*NO_NUMBERS, 0, 2.5, np.float32(2)]:
        with pytest.raises(ArgumentError, match="n_jobs is"):
            Effort(n_jobs=wrong)
    for wrong in (1, None, "yes"):
        with pytest.raises(ArgumentError, match="progress is"):
            Effort(progress=wrong)
    for limit in (500, np.float32(500), np.int64(500), float("inf")):  # kernels may be compiled
        assert int(count_regions(NET, SQUARE, time_limit=limit)) == 4
    assert Effort(n_jobs=np.int64(1)).workers == 1


@pytest.mark.parametrize("method", [None, True, 5, "", "Cells", b"cells", ["cells"], object()])
def test_methods(method):
    with pytest.raises(ArgumentError, match="method is"):
        count_regions(NET, SQUARE, method=method)


@pytest.mark.parametrize("kind", [None, True, 5, "", "Linear", ["linear"], {}])
def test_kinds(kind):
    with pytest.raises(ArgumentError, match="kind is"):
        count_regions(NET, SQUARE, kind=kind)


@pytest.mark.parametrize("domain", [True, 5, "box", [-1, 0, 1], np.zeros((2, 2)), (SQUARE,)])
def test_domains(domain):
    for verb in (count_regions, regions.region_graph, regions.enumerate_regions):
        with pytest.raises(DomainError, match="domain is a"):
            verb(NET, domain)


def test_boxes_without_an_inside():
    for low, high in (
        ([0.0, 0.0], [1.0, 0.0]),
        ([0.0, 1.0], [1.0, 0.0]),
        ([np.inf] * 2, [np.inf] * 2),
    ):
        with pytest.raises(DomainError, match="empty or flat"):
            regions.Box(low, high)
    for wrong in ([np.nan, 0.0], ["a", "b"], [None, 0.0], [[0.0, 0.0]], [], "ab", 1j, [1j, 0]):
        with pytest.raises(DomainError):
            regions.Box(wrong, [1.0, 1.0])
        with pytest.raises(DomainError):
            regions.Slice.through([wrong, [1.0, 1.0]])
    assert regions.Box(np.array([0, 0]), np.array([1, 1], np.float32)).bounded


@pytest.mark.parametrize("method", sorted(ENGINES))
def test_unknown_options(method):
    with pytest.raises(ArgumentError, match="does not know"):
        count_regions(NET, SQUARE, method=method, sample=5)
