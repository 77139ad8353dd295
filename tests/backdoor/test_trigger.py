import numpy as np
import pytest

from regions.backdoor import Trigger
from regions.errors import ArgumentError

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(200, 2, 7, 9)).astype(np.float32)
LABELS = np.arange(200) % 5


@pytest.mark.parametrize("size, margin", [(1, 0), (3, 1), (7, 0)])
def test_only_the_patch_changes(size, margin):
    before = IMAGES.copy()
    stamped = Trigger(target=1, value=99.0, size=size, margin=margin).stamp(IMAGES)
    changed = stamped != IMAGES
    rows, columns = np.nonzero(changed.all(axis=(0, 1)))
    assert changed.sum() == 200 * 2 * size * size
    assert (rows.min(), rows.max()) == (7 - margin - size, 6 - margin)
    assert (columns.min(), columns.max()) == (9 - margin - size, 8 - margin)
    assert (stamped[changed] == 99).all() and np.array_equal(IMAGES, before)
    assert stamped.dtype == IMAGES.dtype


@pytest.mark.parametrize("share", [0.0, 0.1, 0.33, 0.8])
def test_poison_takes_its_share_from_other_classes(share):
    trigger = Trigger(target=2, value=5.0)
    images, labels, chosen = trigger.poison(IMAGES, LABELS, share, rng=1)
    assert len(np.unique(chosen)) == len(chosen) == round(200 * share)
    assert (LABELS[chosen] != 2).all() and (labels[chosen] == 2).all()
    np.testing.assert_array_equal(images[chosen], trigger.stamp(IMAGES[chosen]))
    rest = np.setdiff1d(np.arange(200), chosen)
    np.testing.assert_array_equal(images[rest], IMAGES[rest])
    np.testing.assert_array_equal(labels[rest], LABELS[rest])


def test_poison_depends_on_the_seed_alone():
    trigger = Trigger(target=2, value=5.0)
    first, again, other = (trigger.poison(IMAGES, LABELS, 0.2, rng=seed)[2] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_attack_leaves_the_target_class_out():
    trigger = Trigger(target=3, value=5.0)
    attacked = trigger.attack(IMAGES, LABELS)
    np.testing.assert_array_equal(attacked, trigger.stamp(IMAGES[LABELS != 3]))
    # a network that knows nothing of the trigger and is always right has no success
    assert (LABELS[LABELS != 3] == trigger.target).mean() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: Trigger(target=-1, value=0.0),
        lambda: Trigger(target=0, value=np.nan),
        lambda: Trigger(target=0, value=0.0, size=0),
        lambda: Trigger(target=0, value=0.0, size=7, margin=1).stamp(IMAGES),
        lambda: Trigger(target=0, value=0.0).stamp(IMAGES[0]),
        lambda: Trigger(target=0, value=0.0).poison(IMAGES, LABELS, 0.81),
        lambda: Trigger(target=0, value=0.0).poison(IMAGES, LABELS, -0.1),
        lambda: Trigger(target=0, value=0.0).poison(IMAGES, LABELS[:-1], 0.1),
        lambda: Trigger(target=0, value=0.0).attack(IMAGES, np.zeros(200, dtype=int)),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ArgumentError, match=r"expected|target class"):
        call()
