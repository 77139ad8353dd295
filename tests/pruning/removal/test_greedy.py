"""Greedy selection: optimality of its steps, what the pruned network computes, and its traps."""

import numpy as np
import pytest
import torch
from unit_examples import IMAGE, convnet, digits, digits_mlp, random_pairs, relu, unit_layer

import regions
from regions.errors import ArgumentError
from regions.pruning.removal.greedy_path import RULES, greedy_path
from regions.pruning.removal.imitation import Imitation, global_imitations, local_imitation
from regions.pruning.removal.units import find_units

WEIGHTED = ("line-search", "average", "no-repeat")


def random_imitation(units=8, samples=40, seed=0):
    """Return an imitation, and its contributions (samples, units) as one output per sample."""
    rng = np.random.default_rng(seed)
    given = relu(rng.normal(size=(samples, units)) + 0.3) * rng.normal(size=units)
    return Imitation(given.T @ given / samples), given


def digits_imitation(hidden=64):
    net = regions.as_network(digits_mlp(hidden))
    layer, grams = unit_layer(net, "layer1")
    return local_imitation(net, layer, grams(digits()[0]))


@pytest.mark.parametrize("start", ["unit", "zero"])
def test_line_search_never_rises_and_stays_in_the_simplex(start):
    task, _ = random_imitation(units=20, seed=1)
    path = greedy_path(task, "line-search", steps=300, start=start)
    before = [task.norm] if start == "zero" else []
    assert (np.diff([*before, *path.errors]) <= 1e-12 * task.norm).all()
    assert (path.weights >= 0).all()
    total = path.weights.sum(axis=1)
    if start == "unit":
        np.testing.assert_allclose(total, 1.0, rtol=1e-12)
    else:
        assert (total <= 1 + 1e-12).all() and total[0] < 1
    assert (path.step_sizes < 0).any()  # it does shrink units on the way


@pytest.mark.parametrize("start", ["unit", "zero"])
def test_each_line_search_step_is_the_best_on_a_grid(start):
    task, _ = random_imitation(seed=2)
    path = greedy_path(task, "line-search", steps=20, start=start)
    weights = np.zeros(8)
    for step, (unit, gamma) in enumerate(zip(path.chosen, path.step_sizes, strict=True)):
        grid = {}
        for other in range(8):
            least = -weights[other] / (1 - weights[other]) if weights[other] < 1 else 0.0
            if step == 0 and start == "unit":
                least = 1.0  # all weight goes to one unit
            for size in np.linspace(least, 1.0, 100):
                moved = (1 - size) * weights
                moved[other] += size
                grid[other, size] = task.error(moved)
        (best, size), lowest = min(grid.items(), key=lambda item: item[1])
        assert path.errors[step] <= lowest + 1e-12
        assert best == unit or np.isclose(lowest, path.errors[step], rtol=1e-2)
        assert best != unit or abs(size - gamma) < 0.08
        weights = path.weights[step]
        assert path.errors[step] == pytest.approx(task.error(weights), abs=1e-9)


@pytest.mark.parametrize("rule", ["average", "no-repeat"])
def test_averages_are_what_brute_force_selects(rule):
    task, _ = random_imitation(seed=3)
    path = greedy_path(task, rule, steps=6)
    counts = np.zeros(8)
    for step, unit in enumerate(path.chosen):
        trials = {
            other: task.error((counts + np.eye(8)[other]) / (step + 1))
            for other in range(8)
            if rule == "average" or counts[other] == 0
        }
        assert unit == min(trials, key=trials.get)
        counts[unit] += 1
        np.testing.assert_allclose(path.weights[step], counts / (step + 1))
        assert path.step_sizes[step] == pytest.approx(1 / (step + 1))


def test_without_repeats_all_units_give_no_discrepancy():
    task, _ = random_imitation(units=12, seed=4)
    path = greedy_path(task, "no-repeat")
    assert sorted(path.chosen) == list(range(12))
    assert path.errors[-1] < 1e-12 * task.norm and path.errors[-2] > 1e-6 * task.norm


def test_the_zero_start_of_averages_is_one_more_atom():
    task, _ = random_imitation(seed=5)
    path = greedy_path(task, "average", steps=9, start="zero")
    np.testing.assert_allclose(path.weights.sum(axis=1), np.arange(1, 10) / np.arange(2, 11))


def test_free_weights_are_a_least_squares_fit_and_a_lower_bound():
    task, given = random_imitation(seed=6)
    target = given.sum(axis=1)
    for rule in WEIGHTED:
        path = greedy_path(task, rule, steps=30)
        for weights, error in zip(path.weights, path.errors, strict=True):
            support = np.flatnonzero(weights)
            design = 8 * given[:, support]
            best, *_ = np.linalg.lstsq(design, target, rcond=None)
            free, lowest = task.least_squares(support)
            np.testing.assert_allclose(free[support], best, rtol=1e-6)
            np.testing.assert_allclose(
                lowest, np.square(design @ best - target).mean(), atol=1e-9 * task.norm
            )
            assert lowest <= error + 1e-9


def test_forward_selection_refits_after_each_unit():
    task, _ = random_imitation(seed=7)
    path = greedy_path(task, "least-squares")
    support = []
    for unit, error, weights in zip(path.chosen, path.errors, path.weights, strict=True):
        trials = {o: task.least_squares([*support, o])[1] for o in range(8) if o not in support}
        assert unit == min(trials, key=trials.get)
        support.append(unit)
        assert error == pytest.approx(trials[unit], abs=1e-9 * task.norm)
        np.testing.assert_allclose(weights, task.least_squares(support)[0], atol=1e-7)
    nested = task.nested(path.chosen)
    np.testing.assert_allclose(nested, path.errors, atol=1e-8 * task.norm)


def test_local_discrepancy_is_measured_at_the_next_layer():
    pairs = random_pairs([4, 10, 6, 3], seed=8)
    points = np.random.default_rng(9).normal(size=(70, 4))
    for rule in RULES:
        masks = regions.prune(pairs, {"layer1": 0.4}, "greedy", inputs=points, rule=rule)
        net = regions.as_network(pairs)
        layer, grams = unit_layer(net, "layer1")
        task = local_imitation(net, layer, grams(points))
        weights = greedy_path(task, rule, size=4).weights[-1]
        hidden = relu(points @ pairs[0][0].T + pairs[0][1])
        # the pruned network computes f_a = sum a_i s_i with s_i = N g_i
        given = hidden[:, task.live, None] * pairs[1][0].T[task.live]
        imitated = np.einsum("i,sio->so", len(task.live) * weights, given)
        pruned = masks.apply(pairs)
        found = relu(points @ pruned[0][0].T + pruned[0][1]) @ pruned[1][0].T
        np.testing.assert_allclose(found, imitated, atol=1e-12)
        apart = np.square(found - given.sum(axis=1)).sum(axis=1).mean()
        assert apart == pytest.approx(task.error(weights), rel=1e-9)
        np.testing.assert_array_equal(pruned[1][1], pairs[1][1])
        assert masks["layer1"].any(axis=1).sum() == 4


@pytest.mark.parametrize(
    ("name", "reader", "keep", "end"), [("0", "3", 2, 3), ("3", "7", 3, 7), ("7", "9", 3, 9)]
)
def test_local_discrepancy_of_convolutions(name, reader, keep, end):
    model = convnet(seed=10)
    points = np.random.default_rng(11).normal(size=(30, *IMAGE))
    density = {name: keep / len(model[int(name)].weight)}
    masks = regions.prune(model, density, "greedy", inputs=points, input_shape=IMAGE)
    layer, grams = unit_layer(regions.as_network(model, IMAGE), name)
    task = local_imitation(regions.as_network(model, IMAGE), layer, grams(points))
    pruned = masks.apply(convnet(seed=10), "zeros")
    with torch.no_grad():
        read = model[:end](torch.tensor(points))
        apart = model[end](read) - pruned[end](read)  # the masked columns read nothing
    rows = apart.movedim(1, -1).reshape(-1, apart.shape[1])
    error = task.error(greedy_path(task, size=keep).weights[-1])
    assert masks[reader].any() and error > 0
    assert rows.square().sum(dim=1).mean().item() == pytest.approx(error, rel=1e-9)


def test_global_and_local_imitation_agree_before_the_output_layer():
    pairs = random_pairs([4, 10, 3], seed=12)
    points = np.random.default_rng(13).normal(size=(150, 4))
    net = regions.as_network(pairs)
    layer, grams = unit_layer(net, "layer1")
    local = local_imitation(net, layer, grams(points))
    everywhere = global_imitations(net, {"layer1": layer}, points)["layer1"]
    np.testing.assert_allclose(everywhere.products, local.products, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["0", "3", "7"])
def test_global_imitation_is_the_derivative_of_the_outputs(name):
    net = regions.as_network(convnet(seed=14), IMAGE)
    points = np.random.default_rng(15).normal(size=(5, *IMAGE))
    layers = find_units(net.graph)[0]
    task = global_imitations(net, layers, points)[name]
    (reader,) = layers[name].readers
    key, small = f"{reader.layer}.weight", 1e-6
    given = []
    for unit in range(layers[name].size):
        weight = net.parameters[key].copy()
        weight[:, reader.columns == unit] *= 1 + small
        changed = regions.networks.ReLUNetwork(net.graph, {**net.parameters, key: weight})
        given.append((changed(points) - net(points)) / small)
    products = np.einsum("iso,jso->ij", given, given) / len(points)
    np.testing.assert_allclose(task.products, products, rtol=1e-4, atol=1e-6)


def test_the_full_refit_on_the_same_units_is_closer_still():
    pairs = random_pairs([4, 20, 5, 3], seed=16)
    points = np.random.default_rng(17).normal(size=(90, 4))
    net = regions.as_network(pairs)
    errors = []
    for rule, refit in (("line-search", False), ("line-search", True)):
        masks = regions.prune(
            pairs, {"layer1": 0.4}, "greedy", inputs=points, rule=rule, refit=refit
        )
        pruned = masks.apply(net)
        hidden = relu(points @ net.parameters["layer1.weight"].T + net.parameters["layer1.bias"])
        before, after = (
            hidden @ n.parameters["layer2.weight"].T + n.parameters["layer2.bias"]
            for n in (net, pruned)
        )
        errors.append(np.square(before - after).sum())
    assert errors[1] < 0.7 * errors[0]


# --- traps and defects of public code ------------------------------------------------------------


class WithDeadUnits(Imitation):
    live = property(lambda self: np.arange(len(self.products)))


@pytest.mark.parametrize("rule", WEIGHTED)
def test_dead_units_are_dropped_because_they_would_be_picked_first(rule):
    alive, products = np.array([0, 1, 3, 4, 5, 6, 8, 9]), np.zeros((10, 10))
    given = np.random.default_rng(18).normal(size=(200, 8))
    products[np.ix_(alive, alive)] = given.T @ given / 200
    trap = WithDeadUnits(products)
    path = greedy_path(trap, rule, steps=3)
    assert trap.live[path.chosen[0]] == 2 and path.errors[0] == pytest.approx(trap.norm)
    fixed = Imitation(products)
    np.testing.assert_array_equal(fixed.live, alive)
    assert fixed.norm == pytest.approx(trap.norm)
    assert greedy_path(fixed, rule, steps=1).errors[0] > fixed.norm


@pytest.mark.parametrize("rule", WEIGHTED)
def test_nearly_dead_units_are_the_same_trap_on_digits(rule):
    task = digits_imitation()
    first = greedy_path(task, rule, steps=1)
    assert np.diag(task.gram)[first.chosen[0]] < 1e-3 * np.median(np.diag(task.gram))
    assert first.errors[0] == pytest.approx(task.norm, rel=1e-3)


def test_line_search_from_zero_is_useful_from_the_first_unit():
    task = digits_imitation()
    zero, unit = (greedy_path(task, size=1, steps=1, start=start) for start in ("zero", "unit"))
    assert zero.errors[0] < 0.95 * task.norm < unit.errors[0]


def test_dead_units_are_kept_last_and_count_as_units():
    pairs = random_pairs([4, 10, 3], seed=19)
    pairs[0][1][[2, 7]] = -1e3
    points = np.random.default_rng(20).normal(size=(60, 4))
    for rule in RULES:
        masks = regions.prune(pairs, {"layer1": 0.8}, "greedy", inputs=points, rule=rule)
        kept = masks["layer1"].any(axis=1)
        assert kept.sum() == 8 and not kept[[2, 7]].any()
        net = regions.as_network(pairs)
        np.testing.assert_allclose(masks.apply(net)(points), net(points), atol=1e-12)
    dead = [(pairs[0][0], np.full(10, -1e3)), pairs[1]]
    masks = regions.prune(dead, {"layer1": 0.5}, "greedy", inputs=points)
    assert masks["layer1"].any(axis=1).sum() == 5


def test_random_candidates_come_from_all_units():
    """A public code passes shuffled candidates through a set, which sorts them again."""
    task, _ = random_imitation(units=60, samples=200, seed=21)
    chosen = greedy_path(task, "no-repeat", size=20, candidates=5, rng=1).chosen
    assert chosen.max() > 45 and len(np.unique(chosen)) == 20
    again, other = (
        greedy_path(task, "no-repeat", size=20, candidates=5, rng=seed).chosen for seed in (1, 2)
    )
    assert chosen.tolist() == again.tolist() != other.tolist()
    # if only the lowest-indexed were considered, the first choice would be among them
    firsts = {greedy_path(task, steps=1, candidates=5, rng=seed).chosen[0] for seed in range(30)}
    assert len(firsts) > 5 and max(firsts) >= 30


def test_every_layer_is_pruned_to_its_own_number_of_units():
    """A public code reports no unit as pruned, and the sizes of the last layer for all."""
    pairs = random_pairs([4, 30, 20, 10, 3], seed=22)
    points = np.random.default_rng(23).normal(size=(80, 4))
    densities = {"layer1": 0.3, "layer2": 0.5, "layer3": 0.2}
    for imitation in ("local", "global"):
        masks = regions.prune(pairs, densities, "greedy", inputs=points, imitation=imitation)
        removed = [int((~masks[name].any(axis=1)).sum()) for name in densities]
        assert removed == [21, 10, 8]
        assert np.isfinite(regions.as_network(masks.apply(pairs))(points)).all()


def test_settled_steps_are_filled_up_to_the_demanded_number():
    pairs = random_pairs([3, 40, 1], seed=24)  # one output: few units imitate it exactly
    points = np.random.default_rng(25).normal(size=(6, 3))
    masks = regions.prune(pairs, {"layer1": 0.9}, "greedy", inputs=points, rule="least-squares")
    assert masks["layer1"].any(axis=1).sum() == masks["output"].any(axis=0).sum() == 36
    net = regions.as_network(pairs)
    np.testing.assert_allclose(masks.apply(net)(points), net(points), atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_renaming_units_renames_the_selection(rule):
    pairs, turn = random_pairs([4, 12, 3], seed=26), np.random.default_rng(27).permutation(12)
    turned = [(pairs[0][0][turn], pairs[0][1][turn]), (pairs[1][0][:, turn], pairs[1][1])]
    points = np.random.default_rng(28).normal(size=(60, 4))
    one, two = (
        regions.prune(p, {"layer1": 0.5}, "greedy", inputs=points, rule=rule)
        for p in (pairs, turned)
    )
    np.testing.assert_array_equal(two["layer1"], one["layer1"][turn])
    np.testing.assert_allclose(
        two.repaired["output.weight"], one.repaired["output.weight"][:, turn], atol=1e-9
    )


# --- what selection is worth on digits ------------------------------------------------------------


def test_orderings_on_digits():
    task = digits_imitation()
    live, best = len(task.live), {}
    for rule in RULES:
        frame = greedy_path(task, rule, steps=400).to_frame()
        best[rule] = frame.groupby("support")["error"].min().cummin()
    at = {rule: [series[:n].iloc[-1] for n in (8, 32, 48)] for rule, series in best.items()}
    # line search beats uniform weights; free weights beat both, by more the more units there are
    assert all(a < b for a, b in zip(at["line-search"], at["no-repeat"], strict=True))
    gain = [a / b for a, b in zip(at["line-search"], at["least-squares"], strict=True)]
    assert 1.0 < gain[0] < 2.0 < gain[1] < gain[2]
    # random live units with free weights start worse and end better than the simplex
    rng = np.random.default_rng(0)
    random = np.mean([task.nested(rng.permutation(live)) for _ in range(20)], axis=0)
    assert random[7] > at["line-search"][0] and random[47] < at["line-search"][2]
    # the support saturates: many more steps, hardly more units
    path = greedy_path(task, "line-search", steps=400)
    assert path.support[-1] < live and path.support[63] < 48
    # so that against steps the decay slows down: it is no exponential there
    logs = np.log(path.errors[[0, 63, 127, 399]])
    slopes = np.diff(logs) / np.diff([1, 64, 128, 400])
    assert slopes[0] < 2 * slopes[1] and slopes[1] < slopes[2] < 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "luck"}, "rule is 'luck'"),
        ({"start": "one"}, "start is 'one'"),
        ({"rule": "no-repeat", "start": "zero"}, "no zero start"),
        ({"imitation": "both"}, "imitation is 'both'"),
        ({"candidates": 0}, "candidates is 0"),
        ({"order": "qr"}, "does not know the option"),
    ],
)
def test_wrong_options_are_refused(options, message):
    points = np.random.default_rng(29).normal(size=(9, 3))
    with pytest.raises(ArgumentError, match=message):
        regions.prune(random_pairs([3, 6, 2]), 0.5, "greedy", inputs=points, **options)


def test_calibration_is_needed_and_scopes_are_local():
    model = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ArgumentError, match="give inputs="):
        regions.prune(model, 0.5, "greedy")
    with pytest.raises(ArgumentError, match="each layer for itself"):
        regions.prune(model, 0.5, "greedy", scope="global", inputs=np.ones((4, 3)))
    regions.prune(model, 0.5, "greedy", inputs=torch.ones(4, 3))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert list(model.state_dict()) == list(before)
