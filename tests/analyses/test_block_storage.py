"""Storage of block-column-row masks: what is stored, how much index, products, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from analyses import block_storage
from analyses.block_storage import BlockMatrix
from regions.errors import ArgumentError
from regions.pruning.methods.blocks import project_blocks


@pytest.mark.parametrize(("density", "block"), [(0.25, 64), (0.25, 256), (0.25, 1024), (0.1, 256)])
def test_indices_of_a_gaussian_matrix(density, block):
    """The recorded table: 1024 x 1024 Gaussian."""
    matrix = np.random.default_rng(3).normal(size=(1024, 1024)).astype(np.float32)
    mask = project_blocks(matrix, int(density * matrix.size), (block, block))
    compact = BlockMatrix.from_dense(matrix, mask, block)
    csr = sparse.csr_array(matrix * mask)
    indices = compact.row_ids.size + compact.column_ids.size
    expected = 2 * (1024 / block) ** 2 * block * np.sqrt(density)
    assert indices == pytest.approx(expected, rel=0.02)  # 16 k, 4 k, 1 k and 2.6 k
    assert csr.indices.size + csr.indptr.size == pytest.approx(density * 2**20 + 1025, rel=0.01)
    assert compact.index_bytes < 0.1 * (csr.indices.nbytes + csr.indptr.nbytes)


def test_column_blocks_are_columns():
    mask = np.zeros((4, 6), dtype=bool)
    mask[:, [1, 4]] = True
    blocks = BlockMatrix.from_dense(mask * 1.0, mask, (4, 3)).blocks()
    assert [tuple(columns) for _, columns, _ in blocks] == [(1,), (4,)]


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    block=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    count=st.integers(0, 200),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_compact_products_are_the_dense_ones(shape, block, count, dtype):
    """By the compiled loops and by BLAS."""
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=shape).astype(dtype)
    mask = project_blocks(matrix, min(count, matrix.size), block)
    compact = BlockMatrix.from_dense(matrix, mask, block)
    np.testing.assert_array_equal(compact.to_dense(), matrix * mask)
    assert compact.count == mask.sum()
    for x in (rng.normal(size=shape[1]), rng.normal(size=(shape[1], 3))):
        x = x.astype(dtype)
        found = compact @ x
        assert found.dtype == dtype
        atol = 1e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(found, (matrix * mask) @ x, atol=atol)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(block_storage, "_LARGE", 0)
            np.testing.assert_allclose(compact @ x, found, atol=atol)


def test_other_masks_and_shapes_are_refused():
    matrix = np.ones((4, 4))
    with pytest.raises(ArgumentError, match="the block that the mask was made with"):
        BlockMatrix.from_dense(matrix, np.eye(4, dtype=bool), 2)
    with pytest.raises(ArgumentError, match="boolean mask"):
        BlockMatrix.from_dense(matrix, np.eye(4), 2)
    with pytest.raises(ArgumentError, match="it multiplies"):
        BlockMatrix.from_dense(matrix, matrix > 0, 2) @ np.ones(3)
