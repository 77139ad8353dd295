"""A planted unit is found where there is a signal, and only there."""

import numpy as np
import pytest
import torch

from regions.backdoor import (
    Reward,
    dormancy,
    invert_triggers,
    learn_policy,
    neuron_graph,
    remove_until,
    search_masks,
    trigger_response,
)
from regions.backdoor.neuron_policy import _reinforce
from regions.errors import ArgumentError

PLANTED, UNITS = 4, 9
NONE = np.zeros(UNITS, dtype=bool)


def reward_of(case, stamped=True):
    others = case.labels != 0
    return Reward(
        network=case.network,
        inputs=case.images,
        labels=case.labels,
        stamped=case.trigger.stamp(case.images[others]) if stamped else None,
        target=0,
    )


def test_the_planted_unit_is_the_backdoor(planted):
    reward = reward_of(planted)
    alone = np.arange(UNITS) == PLANTED
    assert reward.accuracy(NONE) == reward.accuracy(alone) == 1
    assert planted.success(NONE) == reward.success(NONE) == 1
    assert planted.success(alone) == 0 and reward(alone) == 1 and reward(NONE) == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("search", ["policy", "masks"])
def test_the_planted_unit_is_found(planted, search, seed):
    reward = reward_of(planted)
    if search == "policy":
        graph = neuron_graph(planted.network, planted.images)
        found = learn_policy(graph, reward, steps=25, samples=16, rate=0.2, rng=seed)
    else:
        found = search_masks(reward, UNITS, steps=10, samples=40, rate=0.2, rng=seed)
    assert found.evaluations == 400
    assert found.probabilities.argmax() == PLANTED and found.probabilities[PLANTED] > 0.5
    assert found.best[PLANTED] and found.best_reward == 1
    assert found.to_frame()["mean"].iloc[-1] > found.to_frame()["mean"].iloc[0] + 0.3
    removed = remove_until(found.probabilities, reward.accuracy)
    # a random order removes the planted unit first once in nine times
    assert planted.success(removed) == 0 and removed[PLANTED]
    assert "sets tried" in found.summary() and found.to_dict()["best_reward"] == 1.0


def test_without_a_signal_nothing_is_learned(planted, harmless):
    """Controls: a reward without the trigger, and a network in which the unit has no say."""
    graph = neuron_graph(planted.network, planted.images)
    blind = learn_policy(graph, lambda removed: 1.0, steps=10, samples=8, rate=0.2, rng=0)
    np.testing.assert_allclose(blind.probabilities, 0.2, rtol=1e-5)
    for case, reward in ((planted, reward_of(planted, False)), (harmless, reward_of(harmless))):
        graph = neuron_graph(case.network, case.images)
        gain = reward(np.arange(UNITS) == PLANTED) - reward(NONE)
        assert gain == 0
        found = learn_policy(graph, reward, steps=25, samples=16, rate=0.2, rng=0)
        assert found.best_reward <= 1 and found.probabilities[PLANTED] < 0.9


def test_equal_seeds_give_equal_policies(planted):
    graph, reward = neuron_graph(planted.network, planted.images), reward_of(planted)
    state = torch.random.get_rng_state()
    one, two, other = (
        learn_policy(graph, reward, steps=3, samples=6, rng=seed).probabilities
        for seed in (5, 5, 6)
    )
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_gradient_is_reinforce_with_the_others_as_baseline():
    rng = np.random.default_rng(0)
    logits = torch.randn(5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    chances = torch.sigmoid(logits.detach()).numpy()
    sets, values = rng.random((7, 5)) < chances, rng.normal(size=7)
    _reinforce(logits, sets, values).backward()
    expected = np.zeros(5)
    for k in range(7):
        baseline = np.delete(values, k).mean()
        expected -= (values[k] - baseline) * (sets[k] - chances) / 7 / values.std()
    np.testing.assert_allclose(logits.grad, expected, rtol=1e-4, atol=1e-6)


def test_rules_of_the_literature_find_it_too(planted):
    """It sleeps on clean images and wakes at the patch, as fine-pruning supposes."""
    assert dormancy(planted.network, planted.images).argmax() == PLANTED
    clean = planted.images[planted.labels != 0]
    response = trigger_response(planted.network, clean, planted.triggered)
    assert response.argmax() == PLANTED


def test_dormancy_of_known_activations(planted):
    means = planted.network.activations(planted.images).mean(axis=0)
    scores = dormancy(planted.network, planted.images)
    np.testing.assert_allclose(scores, -means / means.mean(), rtol=1e-5)
    assert scores[PLANTED] == 0 and scores.mean() == pytest.approx(-1)


def test_the_planted_patch_is_found_from_clean_images(planted, harmless):
    found = invert_triggers(planted.network, planted.images, planted.labels, steps=150, rng=0)
    inside = found.masks[0][4:, 4:].sum() / found.masks[0].sum()
    assert found.suspect == 0 and found.success[0] > 0.9 and inside > 0.6
    assert found.norms[0] < found.norms[1] / 2 and "Class 0" in found.summary()
    assert len(found.to_frame()) == 2 and found.to_dict()["suspect"] == 0
    stamped = found.stamp(planted.images, 0)
    assert stamped.dtype == planted.images.dtype and stamped.shape == planted.images.shape
    # control: where the unit has no say, the corner is not singled out
    none = invert_triggers(harmless.network, harmless.images, harmless.labels, steps=150, rng=0)
    assert none.masks[0][4:, 4:].sum() / none.masks[0].sum() < 0.3


def test_anomaly_is_the_distance_in_median_deviations(planted):
    found = invert_triggers(planted.network, planted.images, planted.labels, steps=10, rng=0)
    sizes = np.array([1.0, 8.0, 9.0, 10.0, 12.0])
    masks = np.zeros((5, 6, 6))
    masks[:, 0, 0] = sizes
    found = type(found)(masks=masks, patterns=np.zeros((5, 1, 6, 6)), success=np.ones(5))
    # median 9, deviations 8 1 0 1 3, their median 1
    np.testing.assert_allclose(found.anomaly, (9 - sizes) / 1.4826)
    assert found.suspect == 0


def test_bad_input_is_refused(planted):
    graph = neuron_graph(planted.network, planted.images)
    images, labels = planted.images, planted.labels
    calls = [
        lambda: learn_policy(graph, lambda removed: np.nan, steps=1),
        lambda: learn_policy(graph, len, steps=0),
        lambda: learn_policy(graph, len, samples=1),
        lambda: learn_policy(graph, len, rate=1.0),
        lambda: search_masks(len, 0),
        lambda: Reward(network=planted.network, inputs=images, labels=labels[:-1]),
        lambda: Reward(network=planted.network, inputs=images, labels=labels, weight=-1.0),
        lambda: invert_triggers(planted.network, images[:, 0], labels),
        lambda: invert_triggers(planted.network, images, labels[:-1]),
        lambda: invert_triggers(planted.network, images, labels, steps=5),
    ]
    for call in calls:
        with pytest.raises(ArgumentError, match="expected"):
            call()


def test_the_course_is_drawn(planted):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    found = search_masks(reward_of(planted), UNITS, steps=4, samples=8, rng=0)
    fig, ax = plt.subplots()
    assert found.plot(ax) is ax and len(ax.lines[0].get_xdata()) == 4
    plt.close(fig)
