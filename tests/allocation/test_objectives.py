import numpy as np
import pytest

import regions
from regions.allocation import OBJECTIVES
from regions.bounds.cai import log2_at_ranks


def at(model, counts, objective, **options):
    """The objective at given counts, through the public function: every layer but one is fixed."""
    sizes = {name: np.prod(shape) for name, shape in regions.as_network(model).prunable.items()}
    others = list(counts)[1:]
    fixed = {name: counts[name] / sizes[name] for name in others}
    found = regions.allocate(
        model, weights=sum(counts.values()), objective=objective, fixed=fixed, **options
    )
    assert {name: found.counts[name] for name in counts} == counts
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("counts", [(20, 15), (60, 5), (100, 70), (6, 80)])
def test_effective_weights_and_units_are_those_of_the_masks(pairs, seed, counts):
    model = pairs([20, 15, 10, 4], seed)
    counts = {"layer1": counts[0], "layer2": counts[1]}
    found = at(model, counts, "effective-weights")
    report = found.apply(model).effective()
    assert found.value == report.weights["layer1"] + report.weights["layer2"]
    assert at(model, counts, "effective-units").value == report.total_units


@pytest.mark.parametrize("kind", ["rank", "rows", "live"])
@pytest.mark.parametrize("counts", [(20, 15), (60, 5), (100, 70)])
def test_bounds_are_those_of_the_masks(pairs, kind, counts):
    model = pairs([20, 15, 10, 4])
    found = at(model, {"layer1": counts[0], "layer2": counts[1]}, kind)
    masks = found.apply(model)
    bound = regions.upper_bound([20, 15, 10, 4], kind=kind, masks=list(masks.values()))
    assert found.value == pytest.approx(bound.log2)


def test_hidden_layers_alone(pairs):
    model = pairs([20, 15, 10, 4])
    net = regions.as_network(model)
    for kind in ("rank", "rows", "live", "effective"):
        found = at(model, {"layer1": 40, "layer2": 30}, kind, count_output=False)
        bound = regions.upper_bound(net.masked(found.apply(model)), kind=kind)
        assert found.value == pytest.approx(bound.log2)


def test_chain_of_bounds_holds_at_every_split(pairs):
    model = pairs([20, 15, 10, 4])
    for counts in ((20, 15), (60, 5), (100, 70)):
        named = dict(zip(("layer1", "layer2"), counts, strict=True))
        kinds = ("effective", "live", "rows", "rank")
        values = [at(model, named, kind).value for kind in kinds]
        assert values == sorted(values)


def test_paths_through_convolutions_and_shortcuts(small_conv):
    model = small_conv()
    found = regions.allocate(model, 0.1, "effective-weights", input_shape=(1, 4, 4))
    report = found.apply(model, input_shape=(1, 4, 4)).effective()
    assert found.value == report.weights["first"] + report.weights["second"]
    assert found.value >= found.uniform_value
    live = regions.allocate(model, 0.1, objective="live", input_shape=(1, 4, 4), max_evaluations=5)
    net = regions.as_network(model, (1, 4, 4))
    masks = live.apply(model, input_shape=(1, 4, 4))
    assert live.value == pytest.approx(regions.upper_bound(net, kind="live", masks=masks).log2)


def test_random_masks_of_a_model_with_shortcuts(small_conv):
    runs = [
        regions.allocate(
            small_conv(),
            0.1,
            "effective-weights",
            masks="random",
            draws=3,
            input_shape=(1, 4, 4),
            max_evaluations=10,
        )
        for _ in range(2)
    ]
    assert runs[0] == runs[1] and runs[0].error is not None


def test_expected_log_is_the_mean_over_masks():
    """Against masks drawn here; both are means over random masks of the same sizes."""
    found = regions.allocate(
        [30, 20, 15, 4], 0.1, objective="expected-log", draws=300, fixed={"layer1": 0.1}
    )
    rng, values = np.random.default_rng(1), []
    for _ in range(300):
        ranks = [4]
        for shape, name in (((15, 20), "layer2"), ((20, 30), "layer1")):
            support = np.zeros(shape)
            support.ravel()[rng.permutation(support.size)[: found.counts[name]]] = 1
            ranks.insert(0, int(np.linalg.matrix_rank(support * rng.normal(size=shape))))
        values.append(log2_at_ranks([30, 20, 15, 4], ranks, 30))
    error = np.std(values) * np.sqrt(2 / 300)
    assert abs(found.value - np.mean(values)) < 5 * error


def test_jensen_expected_is_not_below_the_mean_logarithm():
    for density in (0.02, 0.03):
        split = {"fixed": {"layer1": density}}
        log = regions.allocate([30, 20, 15, 4], density, "expected-log", draws=200, **split)
        mean = regions.allocate([30, 20, 15, 4], density, "expected", **split)
        assert mean.value >= log.value


def test_the_input_dimension_matters_to_bounds(pairs):
    full = regions.allocate([30, 20, 15, 4], 0.2, "expected")
    plane = regions.allocate([30, 20, 15, 4], 0.2, "expected", dim=2)
    assert plane.value < full.value


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_unknown_options_are_refused(objective):
    with pytest.raises(regions.errors.ArgumentError, match="does not know the option"):
        regions.allocate([9, 8, 3], 0.5, objective=objective, colour="blue")
