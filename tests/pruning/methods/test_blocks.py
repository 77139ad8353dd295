"""Block-column-row masks: limits, counts, energy, and faults of public scripts."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.errors import ArgumentError
from regions.pruning.methods.blocks import project_blocks, project_each_block


def energy(matrix, mask):
    return float((matrix**2 * mask).sum() / (matrix**2).sum())


def tiles(shape, block):
    for top, left in itertools.product(
        *(range(0, n, b) for n, b in zip(shape, block, strict=True))
    ):
        yield slice(top, top + block[0]), slice(left, left + block[1])


def is_crossing(mask, block):
    """Every block keeps exactly the entries where its kept rows and columns cross."""
    return all(
        np.array_equal(part, np.outer(part.any(axis=1), part.any(axis=0)))
        for part in (mask[tile] for tile in tiles(mask.shape, block))
    )


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    block=st.tuples(st.integers(1, 45), st.integers(1, 45)),
    density=st.floats(0, 1),
    levels=st.sampled_from([1, 3, 1000]),
    seed=st.integers(0, 100),
)
def test_counts_and_pattern_hold_for_every_shape_block_and_tie(shape, block, density, levels, seed):
    """Also where the shape does not divide and where many weights are equal."""
    matrix = np.random.default_rng(seed).integers(-levels, levels, shape, endpoint=True) / 7
    count = round(density * matrix.size)
    mask = project_blocks(matrix, count, block)
    assert is_crossing(mask, block)
    kept = np.count_nonzero(mask)
    assert count - min(block[1], shape[1]) < kept <= count
    if count == matrix.size:
        assert mask.all()


def test_blocks_of_one_entry_are_magnitude_pruning(mlp, pairs):
    for model in (mlp([9, 11, 7, 3]), pairs([9, 11, 7, 3])):
        for density in (0.05, 0.3, 0.62):
            mine = regions.prune(model, density, "blocks", block=1, budget="layer")
            assert mine == regions.prune(model, density, "magnitude")


def test_one_block_is_structured_pruning():
    """Whole columns by norm, then whole rows by the norm of what is left."""
    matrix = np.random.default_rng(0).normal(size=(20, 30))
    mask = project_blocks(matrix, 150, (99, 99))
    columns = np.sort(np.argsort(-np.linalg.norm(matrix, axis=0))[:15])
    rows = np.sort(np.argsort(-np.linalg.norm(matrix[:, columns], axis=1))[:10])
    expected = np.zeros_like(mask)
    expected[np.ix_(rows, columns)] = True
    np.testing.assert_array_equal(mask, expected)


def test_a_matrix_of_that_pattern_is_its_own_projection():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(24, 24))
    mask = np.zeros((24, 24), dtype=bool)
    for rows, columns in tiles(mask.shape, (8, 8)):
        mask[rows, columns][np.ix_(rng.permutation(8)[:4], rng.permutation(8)[:4])] = True
    np.testing.assert_array_equal(project_blocks(matrix * mask, mask.sum(), (8, 8)), mask)


def test_scale_and_block_permutations_commute_with_the_projection():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(32, 32))
    mask = project_blocks(matrix, 300, (8, 8))
    np.testing.assert_array_equal(project_blocks(1e-200 * matrix, 300, (8, 8)), mask)
    order = np.arange(32).reshape(4, 8)[rng.permutation(4)]
    order = np.array([rng.permutation(part) for part in order]).ravel()
    np.testing.assert_array_equal(project_blocks(matrix[order], 300, (8, 8)), mask[order])


@pytest.mark.parametrize(
    ("density", "block", "blocked", "unstructured"),
    [
        (0.25, 64, 0.34, 0.72),
        (0.25, 256, 0.29, 0.72),
        (0.25, 1024, 0.27, 0.72),
        (0.1, 256, 0.13, 0.44),
    ],
)
def test_energy_of_a_gaussian_matrix(density, block, blocked, unstructured):
    """The recorded table: 1024 x 1024 Gaussian; random crossings keep the density itself."""
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(1024, 1024)).astype(np.float32)
    count = int(density * matrix.size)
    mask = project_blocks(matrix, count, (block, block))
    kept = energy(matrix, mask)
    assert kept == pytest.approx(blocked, abs=0.013)
    threshold = np.partition(np.abs(matrix), -count, axis=None)[-count]
    single = energy(matrix, np.abs(matrix) >= threshold)
    assert single == pytest.approx(unstructured, abs=0.01)
    rolled = energy(matrix, np.roll(mask, (7, 5), (0, 1)))
    assert rolled == pytest.approx(density, abs=0.01) and rolled < kept


def test_smaller_blocks_keep_more_energy_and_every_block_more_than_random():
    matrix = np.random.default_rng(4).normal(size=(256, 256))
    kept = [energy(matrix, project_blocks(matrix, 6554, (b, b))) for b in (1, 8, 16, 32, 64, 256)]
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] > 0.1 and kept[0] == pytest.approx(0.44, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    block=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    density=st.floats(0, 1),
    seed=st.integers(0, 100),
)
def test_with_a_budget_each_no_block_is_empty(shape, block, density, seed):
    matrix = np.random.default_rng(seed).normal(size=shape)
    count = round(density * matrix.size)
    mask = project_each_block(matrix, count, block)
    assert is_crossing(mask, block)
    assert count - min(block[1], shape[1]) < np.count_nonzero(mask) <= count
    for tile in tiles(shape, block):
        assert mask[tile].any() or count * mask[tile].size < matrix.size


def test_without_one_many_blocks_are_empty():
    matrix = np.random.default_rng(0).normal(size=(64, 64))
    shared, each = (project(matrix, 82, (8, 8)) for project in (project_blocks, project_each_block))
    assert sum(not shared[tile].any() for tile in tiles((64, 64), (8, 8))) > 10
    assert all(each[tile].any() for tile in tiles((64, 64), (8, 8)))


def test_column_blocks_are_columns():
    """A public script cuts them by reshape((-1, rows, g)), which mixes columns."""
    matrix = np.arange(12.0).reshape(4, 3)[:, [0, 1, 2]]
    wrong = matrix.reshape(-1, 4, 1)[0].ravel()
    assert not np.array_equal(wrong, matrix[:, 0])
    mask = np.zeros((4, 6), dtype=bool)
    mask[:, [1, 4]] = True
    strong = np.where(mask, 9.0, 1.0)
    np.testing.assert_array_equal(project_blocks(strong, 8, (4, 3)), mask)


def test_remainder_rows_compete_by_themselves():
    """A public script cuts them by the threshold of the block before."""
    matrix = np.ones((5, 4))
    matrix[4] = [9.0, 0.1, 9.0, 0.1]
    mask = project_blocks(matrix, 10, (4, 4))
    assert mask[4].tolist() == [True, False, True, False]
    assert mask.sum() == 10


def test_ties_at_the_threshold_neither_vanish_nor_pile_up():
    """Strict comparisons with a percentile drop all of them; here the earlier ones stay."""
    for block in (1, 2, 4):
        mask = project_blocks(np.ones((4, 4)), 4, (block, block))
        assert mask.sum() == 4 and mask[0, 0]


def test_the_mask_says_what_the_weights_are(mlp):
    """A public script restores rows in the weights and leaves its mask as it was."""
    model = mlp([20, 24, 16, 4])
    masks = regions.prune(model, 0.3, "blocks", block=(8, 4))
    pruned = masks.apply(model, "zeros")
    assert regions.Masks.from_model(pruned) == regions.Masks(masks.arrays, masks.graph)


def test_convolutions_are_filters_by_everything_else(residual):
    model = residual(channels=6)
    masks = regions.prune(
        model, {"right": 0.4}, "blocks", block=(3, 9), budget="layer", input_shape=(1, 8, 8)
    )
    weight = model.right.weight.detach().double().numpy()
    expected = project_blocks(weight.reshape(6, 54), round(0.4 * 324), (3, 9))
    np.testing.assert_array_equal(masks["right"].reshape(6, 54), expected)
    assert is_crossing(expected, (3, 9))


@pytest.mark.parametrize("block", [0, -1, (2,), (2, 0), "16", 2.5, True, (1, 2, 3), None])
def test_wrong_blocks_are_refused(block, pairs):
    with pytest.raises(ArgumentError, match="block is"):
        regions.prune(pairs([4, 3, 2]), 0.5, "blocks", block=block)


def test_what_blocks_cannot_do_is_refused(pairs):
    with pytest.raises(ArgumentError, match="within each layer"):
        regions.prune(pairs([4, 3, 2]), 0.5, "blocks", scope="global")
