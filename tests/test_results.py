"""Results in a notebook: shown by their summary, with a table; they copy and pickle."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from types import MappingProxyType

import matplotlib
import numpy as np
import pytest

import regions
from regions.counting import count_kinds
from regions.networks import as_domain
from regions.recall import break_even, dose_response, report, trend
from regions.results import Result
from regions.theory import SingleIndex, fit_decay, screen
from regions.training import Recipe, build_model, evaluate, load_data, train

matplotlib.use("Agg")

PAIRS = [(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]


@pytest.fixture(scope="module")
def found() -> dict:
    """All results; made here, because files are read by every process of a run."""
    data = load_data("digits", limit=60)
    trained = train([build_model("mlp", data.image_shape, 10)] * 2, data, Recipe(epochs=1))
    masks = regions.prune(trained.model(0), density=0.1)
    counts = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    table = regions.RecallTable.from_counts(counts, {50: [[815, 937, 689]] * 3}, n=1000)
    x = np.random.default_rng(0).standard_normal((50, 3))
    pruned = {2: [[923, 963, 858], [921, 963, 875], [922, 963, 855]]}
    pruned[10] = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    other = regions.RecallTable.from_counts(counts, pruned, n=1000)
    third = {20: [[805, 930, 640], [803, 901, 660], [800, 910, 601]]}
    three = regions.RecallTable.from_counts(counts, pruned | third, n=1000)
    index = SingleIndex.sparse(inputs=20, size=3, rng=0)
    made = {
        "count": regions.count_regions(PAIRS, (-1, 1)),
        "kinds": count_kinds(PAIRS, (-1, 1), ("activation", "affine")),
        "bound": regions.upper_bound([2, 20, 20]),
        "allocation": regions.allocate([20, 10, 5], 0.2),
        "masks": masks,
        "effective": masks.effective(),
        "table": table,
        "intensification": regions.intensification(table),
        "report": report(table.to_frame()),
        "arms": regions.compare_intensification(other, other),
        "trend": trend(other, "ols"),
        "break_even": break_even(other, "ols"),
        "dose_response": dose_response(three),
        "screening": screen(*index.sample(300, rng=1), size=3, parts=["even"], rng=2),
        "decay": fit_decay(np.arange(1, 9), 0.5 ** np.arange(1, 9)),
        "similarity": regions.svcca(x, x**2),
        "comparison": regions.compare_layers(
            trained.model(0), trained.model(1), data.test.inputs, layers=["fc3"]
        ),
        "trained": trained,
        "evaluation": evaluate(trained, data.test),
        "data": data,
        "region": next(iter(regions.enumerate_regions(PAIRS, (-1, 1)))),
    }
    assert tuple(made) == NAMES
    return made


NAMES = (
    "count",
    "kinds",
    "bound",
    "allocation",
    "masks",
    "effective",
    "table",
    "intensification",
    "report",
    "arms",
    "trend",
    "break_even",
    "dose_response",
    "screening",
    "decay",
    "similarity",
    "comparison",
    "trained",
    "evaluation",
    "data",
    "region",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_shown_by_its_summary_and_its_table(name: str, found: dict) -> None:
    result = found[name]
    assert repr(result) == result.summary()
    page = result._repr_html_()
    assert ("<table" in page) == hasattr(result, "to_frame")
    assert "<b>" in page and page.count("<div") == page.count("</div>")


def every_result() -> set[type]:
    for module in pkgutil.walk_packages(regions.__path__, "regions."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    every, found = [Result], set()
    while every:
        every += [c for c in every.pop().__subclasses__() if c.__module__.startswith("regions.")]
        found |= set(every)
    assert len(found) > 20
    return found


def test_no_result_has_another_repr_than_its_summary() -> None:
    assert {c.__name__ for c in every_result() if c.__repr__ is not Result.__repr__} == set()
    assert repr(load_data("digits").test) == "Split(360 inputs of 1x8x8)"


NOTHING_TO_SEE = {
    "AllBounds": "a table of the command line, one number a row",
    "Bound": "one number",
    "DataSet": "what networks are trained on; nothing was found",
    "Effective": "Masks.plot draws it beside what is kept",
    "Findings": "the data of Atlas, which draws them",
    "Region": "one of many: plot_regions draws them together",
    "RegionCount": "one number; plot_regions draws what was counted",
}


def test_every_result_with_something_to_see_draws_it() -> None:
    without = {c.__name__ for c in every_result() if not hasattr(c, "plot")}
    assert without == set(NOTHING_TO_SEE)


def test_a_result_without_a_table_refuses_files_of_tables(found: dict, tmp_path) -> None:
    for name, advice in (("region", "end the file in .json"), ("data", "pickle it")):
        with pytest.raises(regions.errors.ArgumentError, match=advice):
            found[name].write(tmp_path / "a.csv")
    assert found["region"].write(tmp_path / "a.json").stat().st_size
    assert [*tmp_path.iterdir()] == [tmp_path / "a.json"]


def test_text_of_a_result_is_escaped() -> None:
    masks = regions.Masks({"<script>": np.eye(2)})
    assert "<script>" not in masks._repr_html_() and "&lt;script&gt;" in masks._repr_html_()


@pytest.mark.parametrize("name", NAMES)
def test_results_pickle_and_copy(name: str, found: dict) -> None:
    result = found[name]
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert type(again) is type(result) and repr(again) == repr(result)
        for field, value in vars(result).items():
            if isinstance(value, MappingProxyType):
                assert isinstance(vars(again)[field], MappingProxyType)


def test_a_copied_network_stays_read_only_and_the_same() -> None:
    net = regions.as_network(PAIRS)
    again = copy.deepcopy(net)
    assert np.array_equal(again([[1.0, 2.0]]), net([[1.0, 2.0]]))
    with pytest.raises(TypeError):
        again.parameters["layer1.weight"] = 0
    box = pickle.loads(pickle.dumps(regions.Box.cube(2, 0, 1)))
    with pytest.raises(ValueError):
        box.low[0] = 7


def test_domains_never_print_every_coordinate() -> None:
    high = np.linspace(1, 2, 784)
    plane = regions.Slice.through(np.eye(784)[:3], box=regions.Box(np.zeros(784), high))
    assert repr(regions.Box.cube(784, -1, 1)) == "Box(784 inputs, [-1, 1] each)"
    assert repr(plane) == (
        "Slice(flat of dimension 2 through 3 points of 784 inputs, inside low 0 to 0, high 1 to 2)"
    )
    assert repr(regions.Box([0, 1], [2, 3])) == "Box(2 inputs, [0, 2] x [1, 3])"


def test_a_pair_is_a_box() -> None:
    cube, box = as_domain((-1, 1), 2), as_domain(([-1, 0], 1), 2)
    assert np.array_equal(cube.low, [-1, -1]) and np.array_equal(cube.high, [1, 1])
    assert np.array_equal(box.low, [-1, 0])
    for wrong in (1.0, (1, 2, 3), "-1 1", np.zeros((2, 2))):
        with pytest.raises(regions.errors.DomainError, match="pair"):
            as_domain(wrong, 2)
    with pytest.raises(regions.errors.DomainError, match="not below"):
        as_domain((1, -1), 2)
    assert regions.count_regions(PAIRS, (-1, 1)).count == 4
    assert len(regions.region_graph(PAIRS, (-1, 1))) == 4


def test_every_verb_takes_the_shape_of_an_input() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)
    )
    shape = {"input_shape": (1, 2, 2)}
    flat = regions.Slice.through(np.eye(4)[:3], box=regions.Box.cube(4, -2, 2))
    net = regions.as_network(model, **shape)
    known = regions.count_regions(net, flat).count  # a network remembers its shape
    assert regions.count_regions(model, flat, **shape).count == known
    assert len(regions.region_graph(model, flat, **shape)) == known
    assert len(list(regions.enumerate_regions(model, flat, **shape))) == known
    assert regions.upper_bound(model, **shape).value == regions.upper_bound(net).value
    assert len(regions.plot_regions(model, flat, **shape).collections[0].get_paths()) == known
    with pytest.raises(regions.errors.RegionsError, match="input_shape"):
        regions.count_regions(model, flat)


def test_prune_takes_a_density_by_name() -> None:
    one, other = regions.prune(PAIRS, density=0.5), regions.prune(PAIRS, 0.5)
    assert one == other
    for wrong in ({}, {"densities": 0.5, "density": 0.5}):
        with pytest.raises(regions.errors.ArgumentError, match="density"):
            regions.prune(PAIRS, **wrong)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_goes_into_the_given_axes_and_names_them(name: str, found: dict) -> None:
    import matplotlib.pyplot as plt

    result = found[name]
    if not hasattr(result, "plot"):
        assert type(result).__name__ in NOTHING_TO_SEE
        return
    _, ax = plt.subplots()
    assert result.plot(ax) is ax and ax.get_xlabel() and ax.get_ylabel()
    assert ax.has_data()
    plt.close("all")


def test_pictures_of_single_numbers_show_what_they_rest_on(found: dict) -> None:
    import matplotlib.pyplot as plt

    def curves(result) -> list:
        ax = plt.figure().add_subplot()
        return [np.asarray(line.get_xydata()) for line in result.plot(ax).lines]

    crossing = found["break_even"]
    assert crossing.low < crossing.ratio < crossing.high
    alphas, *_, diamond = curves(crossing)
    assert np.array_equal(alphas, np.column_stack([crossing.ratios, crossing.alphas]))
    log = np.log(alphas[:, 0])
    assert np.interp(np.log(diamond[0, 0]), log, alphas[:, 1]) == pytest.approx(1)
    dose = found["dose_response"]
    *models, _, mean = curves(dose)
    slopes = [np.polyfit(np.log2(one[:, 0]), one[:, 1], 1)[0] for one in (*models, mean)]
    assert len(models) == dose.n_models and np.mean(slopes[:-1]) == pytest.approx(slopes[-1])
    noisy = np.array([0.5, 0.3, 0.1, 0.06, 0.04])
    for form in ("exponential", "power"):
        fit = fit_decay(np.arange(1, 6), noisy, form)
        data, line = curves(fit)
        x = data[:, 0] if form == "exponential" else np.log(data[:, 0])
        assert np.array_equal(data[:, 1], noisy)
        rate, start = np.polyfit(x, np.log(noisy), 1)
        assert np.allclose(np.log(line[:, 1]), start + rate * x)
    kinds = found["kinds"]
    assert [dot[0, 0] for dot in curves(kinds)] == [int(r) for r in kinds.results]
    plt.close("all")


def test_the_seconds_of_compiling_are_no_seconds_of_a_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from regions.counting import effort

    clock = iter([10.0, 15.0, 15.0])
    monkeypatch.setattr(effort.time, "perf_counter", lambda: next(clock))
    compiled = iter([1.0, 4.0])
    monkeypatch.setattr(effort, "_compiled", lambda: next(compiled))
    one = effort.Effort(started=10.0, compiled=1.0, time_limit=4)
    next(compiled), next(clock)
    monkeypatch.setattr(effort, "_compiled", lambda: 4.0)
    assert one.seconds == 2.0  # five seconds on the clock, three of them compiling
    assert one.expired()  # the limit is about the clock


def test_compiling_is_said_once_and_counted_from_the_outermost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from types import SimpleNamespace

    from regions.compiling import Compiling

    def announced(module: str) -> SimpleNamespace:
        function = SimpleNamespace(__module__=module)
        return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})

    ours, theirs, clock = announced("regions.counting.x_kernel"), announced("other"), Compiling()
    clock.on_start(theirs), clock.on_end(theirs)
    assert clock.seconds == 0 and capsys.readouterr().err == ""
    for _ in range(2):
        clock.on_start(ours), clock.on_start(theirs), clock.on_end(theirs)
        before = clock.seconds
        clock.on_end(ours)
        assert clock.seconds > before
    assert capsys.readouterr().err.count("compiling") == 1
