"""Storage of a block-column-row sparse matrix: one small dense matrix per block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.methods.blocks import read_block

# Blocks with more values than this, on average, are multiplied faster by BLAS one by one.
_LARGE = 1500


@dataclass(frozen=True, eq=False)
class BlockMatrix:
    """A matrix whose blocks keep some of their rows and some of their columns.

    Block b has the rows ``row_ids[row_starts[b]:row_starts[b + 1]]`` and likewise the columns,
    numbered in the whole matrix; its dense values follow row by row from ``value_starts[b]``.
    Empty blocks are not stored. `matrix @ x` multiplies with a vector or with columns (n, k):
    with a vector, and with columns if the blocks are small, in one compiled loop, else block by
    block in BLAS.

    Examples
    --------
    >>> weight = np.array([[3.0, 0, 9, 0], [4, 0, 8, 0], [0, 0, 0, 0]])
    >>> compact = BlockMatrix.from_dense(weight, weight != 0, block=2)
    >>> compact @ np.array([1.0, 1, 1, 1]), compact.count, len(compact)
    (array([12., 12.,  0.]), 4, 2)
    """

    shape: tuple[int, int]
    values: np.ndarray
    row_ids: np.ndarray
    column_ids: np.ndarray
    row_starts: np.ndarray
    column_starts: np.ndarray
    value_starts: np.ndarray

    @classmethod
    def from_dense(cls, weight: np.ndarray, mask: np.ndarray, block: Any) -> BlockMatrix:
        """Return the compact form of `weight` where `mask` is true.

        Parameters
        ----------
        weight : array of shape (m, n), or (filters, inputs, *kernel)
        mask : array of bool of the same shape
            As ``prune(..., criterion="blocks")`` gives it.
        block : int or (int, int)
            The block of that mask.

        Raises
        ------
        ArgumentError
            If the shapes differ, or a block keeps other entries than those where some of its rows
            cross some of its columns.
        """
        weight, mask = np.asarray(weight), np.asarray(mask)
        if weight.shape != mask.shape or weight.ndim < 2 or mask.dtype != bool:
            raise ArgumentError(
                f"weight has shape {weight.shape} and mask shape {mask.shape}, dtype {mask.dtype}; "
                "expected a boolean mask of the weight's shape, with two or more axes"
            )
        weight, mask = (array.reshape(len(array), -1) for array in (weight, mask))
        parts = list(_parts(mask, read_block(block)))
        rows, columns = [part[0] for part in parts], [part[1] for part in parts]
        values = [weight[np.ix_(*part)].ravel() for part in parts]
        return cls(
            shape=weight.shape,
            values=_joined(values, weight.dtype),
            row_ids=_joined(rows, np.int32),
            column_ids=_joined(columns, np.int32),
            row_starts=_starts(rows),
            column_starts=_starts(columns),
            value_starts=_starts(values),
        )

    def __len__(self) -> int:
        """Return the number of blocks with an entry."""
        return len(self.row_starts) - 1

    @property
    def count(self) -> int:
        """Number of stored values."""
        return self.values.size

    @property
    def index_bytes(self) -> int:
        """Bytes of everything but the values."""
        starts = (self.row_starts, self.column_starts, self.value_starts)
        return sum(array.nbytes for array in (self.row_ids, self.column_ids, *starts))

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield rows, columns and the dense values, shape (rows, columns), of every block."""
        for b in range(len(self)):
            rows = self.row_ids[self.row_starts[b] : self.row_starts[b + 1]]
            columns = self.column_ids[self.column_starts[b] : self.column_starts[b + 1]]
            values = self.values[self.value_starts[b] : self.value_starts[b + 1]]
            yield rows, columns, values.reshape(len(rows), len(columns))

    def to_dense(self) -> np.ndarray:
        """Return the matrix with zeros where nothing is stored, shape (m, n)."""
        dense = np.zeros(self.shape, dtype=self.values.dtype)
        for rows, columns, values in self.blocks():
            dense[np.ix_(rows, columns)] = values
        return dense

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        """Return the product with a vector (n,) or with columns (n, k)."""
        x = np.asarray(x)
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[1]:
            raise ArgumentError(
                f"the matrix has shape {self.shape}; it multiplies ({self.shape[1]},) or "
                f"({self.shape[1]}, k), not {x.shape}"
            )
        result = np.zeros((self.shape[0], *x.shape[1:]), np.result_type(self.values, x))
        if x.ndim == 2 and self.count >= _LARGE * len(self):
            for rows, columns, values in self.blocks():
                result[rows] += values @ x[columns]
            return result
        from analyses.block_kernel import times_columns, times_vector

        parts = self.values, self.row_ids, self.column_ids
        starts = self.row_starts, self.column_starts, self.value_starts
        multiply = times_vector if x.ndim == 1 else times_columns
        multiply(*parts, *starts, np.ascontiguousarray(x), result)
        return result


def _parts(mask: np.ndarray, block: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the kept rows and columns of every block that has some."""
    height, width = block
    for top in range(0, mask.shape[0], height):
        for left in range(0, mask.shape[1], width):
            part = mask[top : top + height, left : left + width]
            rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            if np.count_nonzero(part) != rows.size * columns.size:
                raise ArgumentError(
                    f"the block of {part.shape} at row {top}, column {left} keeps "
                    f"{np.count_nonzero(part)} entries, not all {rows.size} x {columns.size} where "
                    "its kept rows and columns cross; give the block that the mask was made with"
                )
            if rows.size:
                yield top + rows, left + columns


def _joined(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate(parts or [np.zeros(0)]).astype(dtype)


def _starts(parts: list[np.ndarray]) -> np.ndarray:
    return np.cumsum([0, *(part.size for part in parts)], dtype=np.int32)
