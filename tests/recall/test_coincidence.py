"""Models that are alike by chance are a sample; copies are none."""

import numpy as np
import pytest

import regions
from regions.recall.coincidence import by_chance, copies_of
from regions.recall.sample import why_not_sampled

KINDS = ("counts", "joint", "predictions")


def table_of(kind, models, classes, images, recall, seed, copy=False):
    """Independent models, nine tenths of whose answers stay; with `copy`, the last is the first."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), images)
    likely = rng.uniform(*recall, classes)[labels]
    dense = rng.random((models, len(labels))) < likely
    kept = np.where(rng.random(dense.shape) < 0.9, dense, rng.random(dense.shape) < likely)
    if copy:
        dense[-1], kept[-1] = dense[0], kept[0]
    if kind == "predictions":
        other = (labels + 1) % classes
        pruned = {2: np.where(kept, labels, other)}
        return regions.RecallTable.from_predictions(labels, np.where(dense, labels, other), pruned)
    ones = np.eye(classes, dtype=int)[labels]
    counts = [right.astype(int) @ ones for right in (dense, kept, dense & kept)]
    both = {2: counts[2]} if kind == "joint" else None
    return regions.RecallTable.from_counts(counts[0], {2: counts[1]}, images, both)


@pytest.mark.parametrize("kind, images", [("counts", 50), ("joint", 50), ("predictions", 10)])
def test_independent_models_that_coincide_on_few_images_are_tested(kind, images):
    tables = [table_of(kind, 30, 2, images, (0.9, 0.99), seed) for seed in range(40)]
    assert sum(bool(copies_of(table, [0])) for table in tables) >= 25
    # nominal .01; 5 of 40 at .01 has probability 5e-5
    assert sum(bool(why_not_sampled(table, [0])) for table in tables) <= 4
    found = regions.intensification(
        next(t for t in tables if copies_of(t, [0])), "ols", aggregate="pooled"
    )
    assert np.isfinite(found.pvalue[0]) and np.isfinite(found.confidence_interval().low[0])
    assert "of another at ratio 2, as chance makes on so few images" in found.summary()


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_on_many_images_is_refused(kind):
    for seed in range(5):
        args = (kind, 10, 10, 100, (0.8, 0.95), seed)
        assert not copies_of(table_of(*args), [0])
        table = table_of(*args, copy=True)
        assert copies_of(table, [0]) == ["9"] and not by_chance(table, [0])
        found = regions.intensification(table, "ols")
        assert np.isnan(found.pvalue).all() and "copies of others" in found.summary()
        assert "as chance makes" not in found.summary()


@pytest.mark.parametrize("kind", KINDS)
def test_many_copies_are_refused_on_few_images_too(kind):
    table = table_of(kind, 12, 2, 50, (0.8, 0.9), 1)
    doubled = regions.RecallTable(
        ratios=table.ratios, classes=table.classes, sizes=table.sizes,
        **{name: np.repeat(getattr(table, name), 3, axis=axis)
           for name, axis in (("dense", 0), ("pruned", 1)) },
    )  # fmt: skip
    assert not by_chance(doubled, [0]) and "24 of 36 models" in why_not_sampled(doubled, [0])


def test_chance_of_equal_counts_is_that_of_independent_draws():
    rng = np.random.default_rng(0)
    from regions.recall.coincidence import _pair_counted_alike

    dense = rng.binomial(20, [0.9, 0.8], (400, 2))
    pruned = rng.binomial(20, [0.6, 0.5], (400, 2))
    table = regions.RecallTable.from_counts(dense, {2: pruned}, 20)
    a, b = np.triu_indices(400, 1)
    whole = np.concatenate([dense, pruned], axis=1)
    alike = (whole[a] == whole[b]).all(1).mean()
    assert _pair_counted_alike(table, [0], range(400)) == pytest.approx(alike, rel=0.25)
