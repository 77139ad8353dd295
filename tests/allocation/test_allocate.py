import itertools
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.allocation import OBJECTIVES, RULES
from regions.bounds.cai import log2_expected
from regions.bounds.expected import layer_distributions
from regions.errors import BudgetError

WIDTHS = [784, 100, 100, 10]


@pytest.mark.parametrize("objective", [*OBJECTIVES, "uniform", "equal", "er", "erk"])
@pytest.mark.parametrize("widths", [[30, 20, 4], [40, 20, 15, 4], [20, 12, 12, 12, 12, 12, 4]])
def test_whole_numbers_meet_the_budget_and_uniform_is_never_better(objective, widths):
    few = {"draws": 4} if hasattr(OBJECTIVES.get(objective), "draws") else {}
    found = regions.allocate(widths, 0.1, objective, max_evaluations=60, **few)
    size = sum(a * b for a, b in itertools.pairwise(widths[:-1]))
    assert found.budget == round(0.1 * size)
    assert all(isinstance(count, int) and count >= 1 for count in found.counts.values())
    assert found.densities["output"] == 1.0
    if objective in OBJECTIVES:
        assert found.value >= found.uniform_value
    else:
        assert found.value is None


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    widths=st.lists(st.integers(2, 12), min_size=3, max_size=6),
    density=st.floats(0.15, 1.0),
    minimum=st.integers(0, 3),
    objective=st.sampled_from(["effective-weights", "expected", "rows", "er", "equal"]),
)
def test_limits_hold_for_any_widths(widths, density, minimum, objective):
    try:
        found = regions.allocate(
            widths, density, objective=objective, minimum=minimum, max_evaluations=40
        )
    except BudgetError:
        return
    for name, count in found.counts.items():
        assert min(minimum, found.sizes[name]) <= count <= found.sizes[name]
    size = sum(found.sizes[name] for name in list(found.sizes)[:-1])
    assert found.budget == int(np.floor(density * size + 0.5))


def expected_on_grid(density):
    def bound(p1, p2):
        pmfs = layer_distributions(WIDTHS, [p1, p2, 1.0], "binomial")
        return log2_expected(WIDTHS, pmfs, WIDTHS[0])

    weights = density * 88400
    grid = np.linspace(0.01, 0.99, 500) * weights
    return max(bound(k1 / 78400, (weights - k1) / 10000) for k1 in grid), bound


@pytest.mark.parametrize(("density", "published"), [(0.001, 198.79), (0.0005, 172.41)])
def test_the_published_two_layer_optimum_is_found_or_beaten(density, published):
    """Published values are for real-valued densities; ours are whole numbers of weights."""
    best, bound = expected_on_grid(density)
    assert best >= published
    found = regions.allocate(WIDTHS, density, objective="expected")
    scale = density * 88400 / found.budget
    p1, p2, _ = found.densities.values()
    assert bound(p1 * scale, p2 * scale) >= best - 0.01
    more = regions.allocate(WIDTHS, weights=found.budget + 1, objective="expected")
    assert more.value >= published


def every_split(budget, sizes):
    for split in itertools.product(*(range(1, size + 1) for size in sizes[:-1])):
        last = budget - sum(split)
        if 1 <= last <= sizes[-1]:
            yield (*split, last)


@pytest.mark.parametrize("objective", ["expected", "effective-weights"])
def test_against_every_split_of_two_layers(objective):
    """More splits than are all tried: the refined grid has to find the best one."""
    widths = [60, 20, 30, 3]
    found = regions.allocate(widths, weights=420, objective=objective)
    values = {}

    def spy(densities):
        return values[round(densities["layer1"] * 1200)]

    for k1, k2 in every_split(420, [1200, 600]):
        fixed = {"layer1": k1 / 1200}
        one = regions.allocate(widths, weights=420, objective=objective, fixed=fixed, minimum=k2)
        values[k1] = one.value
    assert len(values) > 300
    top = max(values.values())
    if objective == "expected":
        assert found.value == pytest.approx(top, rel=1e-8)
    by_spy = regions.allocate(widths, weights=420, objective=spy)
    assert by_spy.value >= top - 0.005 * abs(top)


def test_against_every_split_of_three_layers():
    widths = [12, 8, 8, 6, 2]
    sizes = [96, 64, 48]

    def bound(counts):
        densities = [count / size for count, size in zip(counts, sizes, strict=True)]
        pmfs = layer_distributions(widths, [*densities, 1.0], "binomial")
        return log2_expected(widths, pmfs, widths[0])

    for budget in (20, 45, 170):
        found = regions.allocate(widths, weights=budget, objective="expected")
        best = max(bound(split) for split in every_split(budget, sizes))
        assert found.value >= best - 0.01


def test_five_layers_beat_random_splits():
    widths = [64, 32, 32, 32, 32, 32, 10]
    found = regions.allocate(widths, 0.05, objective="expected")
    rng, names = np.random.default_rng(0), [f"layer{i}" for i in range(1, 6)]
    sizes = np.array([found.sizes[name] for name in names])
    for shares in rng.dirichlet(np.ones(5), size=500):
        densities = np.minimum(shares * found.budget / sizes, 1.0)
        pmfs = layer_distributions(widths, [*densities, 1.0], "binomial")
        assert log2_expected(widths, pmfs, 64) <= found.value
    assert found.converged


def test_a_known_smooth_optimum_is_found_in_many_layers():
    """Maximising sum of a_l log k_l under sum k_l = K has the solution k_l = K a_l / sum a."""
    widths = [50] * 8
    weight = np.arange(1, 7)

    def objective(densities):
        return float(sum(a * np.log(densities[f"layer{a}"]) for a in weight))

    found = regions.allocate(widths, weights=4200, objective=objective)
    counts = np.array([found.counts[f"layer{a}"] for a in weight])
    assert np.abs(counts / (4200 * weight / weight.sum()) - 1).max() < 0.05
    assert found.objective == "objective"


def test_every_form_of_budget_means_the_same():
    by = [{"density": 0.1}, {"sparsity": 0.9}, {"compression": 10}, {"weights": 80}]
    counts = [regions.allocate([40, 20, 5], objective="uniform", **b).counts for b in by]
    assert all(c == counts[0] for c in counts) and counts[0] == {"layer1": 80, "output": 100}


def test_skip_fixed_minimum_and_output():
    widths = [40, 20, 10, 5]
    found = regions.allocate(widths, 0.2, skip=["layer2"], objective="equal")
    assert found.roles == {"layer1": "free", "layer2": "whole", "output": "whole"}
    assert found.counts == {"layer1": 160, "layer2": 200, "output": 50}
    found = regions.allocate(widths, 0.2, fixed={"layer1": 0.1}, objective="equal")
    assert found.counts == {"layer1": 80, "layer2": 120, "output": 50}
    assert found.roles["layer1"] == "fixed" and found.budget == 200
    found = regions.allocate(widths, 0.5, minimum=0.3, prune_output=True)
    assert all(density >= 0.3 for density in found.densities.values())
    assert found.budget == 525


def test_an_only_layer_is_free():
    assert regions.allocate([5, 4], 0.5).counts == {"output": 10}
    assert regions.prune([(np.ones((4, 5)), None)], 0.5).counts == {"output": 10}


def test_density_one_keeps_everything():
    found = regions.allocate([10, 8, 3], 1.0, "effective-weights")
    assert set(found.densities.values()) == {1.0}
    assert found.value == found.uniform_value == 80


def test_same_seed_same_answer():
    for objective in ("effective-weights", "expected-log", "live"):
        runs = [regions.allocate([30, 15, 15, 5], 0.1, objective, rng=5, draws=3) for _ in range(2)]
        assert runs[0] == runs[1]
    one, other = (
        regions.allocate([30, 15, 15, 5], 0.1, "effective-weights", rng=seed, draws=3)
        for seed in (5, 6)
    )
    assert one.value != other.value


def test_global_randomness_is_untouched():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    regions.allocate([30, 20, 5], 0.2, "effective-weights")
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_where_nothing_is_wasted_uniform_is_returned_as_a_plateau():
    found = regions.allocate([50, 30, 30, 5], 0.5, "effective-weights")
    assert found.counts == found.uniform and found.saturated and found.ties > 0
    low, high = found.plateau["layer1"]
    assert low < found.counts["layer1"] < high
    assert "does not distinguish" in found.summary()


def test_the_saturated_expected_bound_is_reported_flat():
    found = regions.allocate(WIDTHS, 0.01, objective="expected")
    assert found.saturated and found.value == pytest.approx(209.0791, abs=1e-3)
    low, high = (count / 10000 for count in found.plateau["layer2"])
    assert low < 0.01 and high > 0.05
    steep = regions.allocate(WIDTHS, 0.001, objective="expected")
    assert not steep.saturated and steep.ties == 0


def test_rules_by_hand(pairs):
    found = regions.allocate([6, 4, 2, 3], 0.5, objective="er")
    shares = np.array([6 + 4, 4 + 2])  # density times size is proportional to n_in + n_out
    counts = np.array([found.counts["layer1"], found.counts["layer2"]])
    assert counts.sum() == 16 and np.abs(counts - 16 * shares / shares.sum()).max() <= 1
    model = pairs([6, 4, 2, 3])
    sizes = [np.abs(model[i][0]).ravel() for i in (0, 1)]
    cut = np.sort(np.concatenate(sizes))[::-1][15]
    found = regions.allocate(model, 0.5, objective="global")
    assert [found.counts[n] for n in ("layer1", "layer2")] == [int((s >= cut).sum()) for s in sizes]
    assert found.counts == regions.prune(model, 0.5, scope="global").counts


@pytest.mark.parametrize(
    ("density", "share"),
    [(0.01, 0.458), (0.005, 0.456), (0.0025, 0.450), (0.001, 0.434), (0.0005, 0.425)],
)
def test_the_published_procedure_gives_nearly_a_constant(density, share):
    """Shares of the second layer as computed before for 784-100-100-10, to a weight and a half."""
    found = regions.allocate(WIDTHS, density, objective="parabola")
    assert found.counts["layer2"] == pytest.approx(share * found.budget, abs=1.5)


def test_the_parabola_does_not_beat_the_search():
    for density in (0.001, 0.0005, 0.0001):
        rule = regions.allocate(WIDTHS, density, objective="parabola")
        best = regions.allocate(WIDTHS, density, objective="expected")
        fixed = {"layer1": rule.densities["layer1"]}
        value = regions.allocate(WIDTHS, density, objective="expected", fixed=fixed).value
        assert best.uniform_value < value <= best.value


def test_lamp_scores_by_definition(pairs):
    from regions.allocation.rules.lamp import lamp_scores

    weight = pairs([7, 5])[0][0]
    squares = weight**2
    expected = [[s / squares[squares >= s].sum() for s in row] for row in squares]
    assert np.allclose(lamp_scores(weight), expected)
    assert lamp_scores(np.zeros((2, 2))).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert regions.allocate(pairs([9, 8, 7, 3]), weights=2, objective="lamp").counts == {
        "layer1": 1,
        "layer2": 1,
        "output": 21,
    }


def test_erk_uses_the_kernel(small_conv):
    er = regions.allocate(small_conv(), 0.2, objective="er")
    erk = regions.allocate(small_conv(), 0.2, objective="erk")
    assert sum(er.counts.values()) == sum(erk.counts.values())
    # first: (1 + 4 + 3 + 3) / 36, second: (4 + 4 + 3 + 3) / 144 of the weights before scaling
    ratio = erk.counts["first"] / erk.counts["second"]
    assert ratio == pytest.approx(11 / 14, abs=0.03)


def test_names_of_all_rules_and_objectives_work_on_a_model(pairs):
    model = pairs([30, 12, 10, 4])
    for objective in (*OBJECTIVES, *RULES):
        found = regions.allocate(model, 0.1, objective=objective, max_evaluations=30)
        assert found.budget == 48


def erk_by_hand(shapes, budget):
    """Densities in proportion to sum / product of all axes; layers above one are whole."""
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    whole = set()
    while True:
        rest = budget - sum(sizes[name] for name in whole)
        raw = {n: sum(s) / prod(s) for n, s in shapes.items() if n not in whole}
        factor = rest / sum(raw[name] * sizes[name] for name in raw)
        over = {name for name in raw if factor * raw[name] > 1}
        if not over:
            return {n: sizes[n] if n in whole else factor * raw[n] * sizes[n] for n in shapes}
        whole |= over


@pytest.mark.parametrize("density", [0.02, 0.1, 0.3, 0.5, 0.8])
def test_erk_fills_layers_as_published(density):
    """Also the first layer, depthwise and pointwise convolutions, some of them beyond density 1."""
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3, groups=8),
        torch.nn.ReLU(), torch.nn.Conv2d(8, 32, 1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(128, 10),
    )  # fmt: skip
    found = regions.allocate(model, density, "erk", prune_output=True, input_shape=(3, 6, 6))
    by_hand = erk_by_hand(found.shapes, found.budget)
    assert all(abs(found.counts[name] - by_hand[name]) < 1 for name in found.shapes)
    assert (found.counts["2"] == 72) == (density == 0.8)


def test_uniform_plus_keeps_the_first_convolution_and_a_fifth_of_the_output(small_conv):
    how = {"objective": "uniform+", "prune_output": True}
    shapes = regions.allocate(small_conv(), 0.5, **how).shapes
    first, *middle, last = ((name, prod(shape)) for name, shape in shapes.items())
    found = regions.allocate(small_conv(), 0.4, **how)
    plain = regions.allocate(small_conv(), 0.4, "uniform", prune_output=True)
    assert found.budget == plain.budget == sum(found.counts.values())
    assert found.counts[first[0]] == first[1] > plain.counts[first[0]]
    densities = [found.counts[name] / size for name, size in (*middle, last)]
    assert max(densities) - min(densities) < 0.05 and max(densities) < 0.4
    sparse = regions.allocate([20, 30, 10], 0.1, **how).counts
    assert sparse == {"layer1": 30, "output": 60}  # a fifth of the output, no convolution
    with pytest.raises(BudgetError, match="a fifth of the last layer"):
        regions.allocate(small_conv(), 0.02, **how)


@pytest.mark.parametrize("objective", ["uniform", "equal", "er", "erk", "disjoint"])
def test_no_count_is_spent_on_weights_that_are_pruned_already(objective):
    """As many weights act as were asked for, wherever that many are left."""
    sparse = np.zeros((2, 4))
    sparse[0, :2] = 1.0
    model = [(np.ones((4, 4)), None), (sparse, None)]
    found = regions.allocate(model, 0.5, objective, prune_output=True)
    assert found.counts == {"layer1": 10, "output": 2}
    masks = regions.prune(model, found, "magnitude")
    assert (
        sum(int((masks[n] & (w != 0)).sum()) for n, (w, _) in zip(masks, model, strict=True)) == 12
    )
    # more than there are: whatever is left is kept, and layers that start at zero are not pruned
    assert regions.allocate(model, 0.9, objective, prune_output=True).budget == 22
    zeros = [(np.ones((4, 4)), None), (np.zeros((2, 4)), None)]
    assert regions.allocate(zeros, 0.5, objective, prune_output=True).counts["output"] > 2
