"""Blocks: whole columns, then whole rows, are removed inside the blocks of a tiling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.arguments import is_whole
from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.criterion import Method, Request, Selection

# shares density^t of the columns, the rest of the density falling to the rows; even first
_SPLITS = (0.5, 0.25, 0.75, 0.0, 1.0)


@dataclass(frozen=True)
class Blocks(Method):
    """Block-column-row sparsity, one projection per layer.

    The matrix of a convolution is filters x (inputs * kernel height * width). See
    `project_blocks` for what a density means here.

    Attributes
    ----------
    block : int or (int, int)
        The rows and columns of a block; a whole number stands for both.
    budget : {"block", "layer"}
        Whether each block has its own share of the density, so that none is empty as long as that
        is one entry, or the columns and rows of all blocks of a layer compete.

    Source of the pattern, with a share per block: GRIM (arXiv 2108.11033), known to us from its
    abstract and summaries; the projection is ours.
    """

    name = "blocks"
    shares = True  # it looks at nothing but the weights
    block: Any = 16
    budget: str = "block"

    def __post_init__(self) -> None:
        read_block(self.block)
        check_name("budget", self.budget, ("block", "layer"))

    def __call__(self, request: Request) -> Selection:
        if request.scope != "layer":
            raise ArgumentError(
                "blocks are chosen within each layer; leave out scope='global', and give one "
                "density per layer (for example of regions.allocate) if they should differ"
            )
        block = read_block(self.block)
        project = project_each_block if self.budget == "block" else project_blocks
        masks = {
            name: project(weight.reshape(len(weight), -1), request.counts[name], block)
            for name, weight in request.weights.items()
        }
        return Selection(masks={n: m.reshape(request.weights[n].shape) for n, m in masks.items()})


def read_block(block: Any) -> tuple[int, int]:
    """Return (rows, columns) of a block, or refuse them."""
    pair = (block, block) if is_whole(block) else block
    listed = isinstance(pair, (tuple, list)) and len(pair) == 2
    if not (listed and all(is_whole(side) and side >= 1 for side in pair)):
        raise ArgumentError(
            f"block is {block!r}; expected the rows and columns of a block, for example "
            "(16, 16), or one whole number >= 1 for both"
        )
    return int(pair[0]), int(pair[1])


def project_each_block(matrix: np.ndarray, count: int, block: tuple[int, int]) -> np.ndarray:
    """Return a block-column-row mask of at most `count` entries, shared evenly by the blocks.

    Each block is projected by itself (see `project_blocks`) to its part of the count, rounded up
    or down; what rows that did not fit leave over goes to the next block.

    Parameters
    ----------
    matrix : array of shape (m, n)
    count : int
        Entries to keep.
    block : (int, int)
        Rows and columns of a block.

    Returns
    -------
    array of bool, shape (m, n)

    Examples
    --------
    >>> project_each_block(np.array([[3.0, 1, 9, 1], [4, 1, 8, 1]]), 2, (2, 2)).astype(int).tolist()
    [[0, 0, 1, 0], [1, 0, 0, 0]]
    """
    mask, seen, left = np.zeros(matrix.shape, dtype=bool), 0, count
    for top in range(0, matrix.shape[0], block[0]):
        for start in range(0, matrix.shape[1], block[1]):
            tile = slice(top, top + block[0]), slice(start, start + block[1])
            part = matrix[tile]
            seen += part.size
            allowed = left - count * (matrix.size - seen) // matrix.size
            mask[tile] = project_blocks(part, allowed, part.shape)
            left -= int(np.count_nonzero(mask[tile]))
    return mask


def project_blocks(matrix: np.ndarray, count: int, block: tuple[int, int]) -> np.ndarray:
    """Return a block-column-row mask of at most `count` entries that keeps much of the energy.

    The matrix is tiled into blocks, the last ones smaller where its shape does not divide. First
    the columns of all blocks compete, by their mean square (with equal blocks: by L2 norm), for a
    share d^t of the entries, d = count / size; then the rows of what is left, for `count`
    entries. A row that no longer fits is passed over, so fewer than one row of a block is
    missing. Of t = 1/2 (even), 1/4, 3/4, 0 (rows alone) and 1 (columns alone), the one that keeps
    the most energy is taken.

    One block that covers everything is structured pruning of columns and rows; blocks of one
    entry are unstructured magnitude pruning, with the same mask. Choosing rows and columns
    jointly is a combinatorial problem; this greedy order is ours.

    Parameters
    ----------
    matrix : array of shape (m, n)
    count : int
        Entries to keep.
    block : (int, int)
        Rows and columns of a block.

    Returns
    -------
    array of bool, shape (m, n)

    Examples
    --------
    >>> project_blocks(np.array([[3.0, 1, 9, 1], [4, 1, 8, 1]]), 4, (2, 2)).astype(int).tolist()
    [[1, 0, 1, 0], [1, 0, 1, 0]]
    >>> project_blocks(np.array([[3.0, 1, 9, 1], [4, 1, 8, 1]]), 3, (1, 1)).astype(int).tolist()
    [[0, 0, 1, 0], [1, 0, 1, 0]]
    """
    largest = np.abs(matrix).max(initial=0.0)
    energy = (matrix / largest if largest > 0 else matrix) ** 2
    tops, lefts = (np.arange(0, n, b) for n, b in zip(matrix.shape, block, strict=True))
    heights, widths = np.diff(tops, append=matrix.shape[0]), np.diff(lefts, append=matrix.shape[1])
    by_column = np.add.reduceat(energy, tops, axis=0)
    best, most = np.zeros(matrix.shape, dtype=bool), -1.0
    for split in _SPLITS if count else ():
        share = (count / matrix.size) ** split * matrix.size
        kept = np.repeat(_best_columns(by_column, heights, share), heights, axis=0)
        lengths = np.add.reduceat(kept, lefts, axis=1, dtype=np.int64)
        totals = np.add.reduceat(energy * kept, lefts, axis=1)
        rows = _best_rows(totals, lengths, count)
        if totals[rows].sum() > most * (1 + 1e-12):
            best, most = kept & np.repeat(rows, widths, axis=1), totals[rows].sum()
    return best


def _best_columns(totals: np.ndarray, heights: np.ndarray, share: float) -> np.ndarray:
    """Return which columns of which blocks stay: shape (blocks, columns)."""
    entries = np.broadcast_to(heights[:, None], totals.shape).ravel()
    order = np.argsort(-(totals / heights[:, None]).ravel(), kind="stable")
    # the smallest number of columns that holds the share
    number = int(np.searchsorted(np.cumsum(entries[order]), share * (1 - 1e-12))) + 1
    kept = np.zeros(totals.size, dtype=bool)
    kept[order[:number]] = True
    return kept.reshape(totals.shape)


def _best_rows(totals: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Return which rows of which blocks stay: shape (rows, blocks)."""
    means = (totals / np.maximum(lengths, 1)).ravel()
    sizes = lengths.ravel()
    order = np.argsort(-means, kind="stable")
    order = order[sizes[order] > 0]
    kept = np.zeros(sizes.size, dtype=bool)
    while order.size:
        filled = np.cumsum(sizes[order])
        fitting = int(np.searchsorted(filled, count, side="right"))
        kept[order[:fitting]] = True
        count -= int(filled[fitting - 1]) if fitting else 0
        order = order[fitting:]
        order = order[sizes[order] <= count]
    return kept.reshape(lengths.shape)
