"""Streams the regions of a network one by one, each with its map and its facets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.counting.checks import check_two_pieces
from regions.counting.effort import Effort
from regions.counting.packed import Packed
from regions.counting.question import Question
from regions.counting.region import Region
from regions.counting.tree.frame import Frame, frame_of
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.tally import by_workers
from regions.counting.tree.vertex_tree import vertex_tree
from regions.counting.tree.walk import Batch, Tree
from regions.counting.undecided import Undecided
from regions.errors import OutOfTime

if TYPE_CHECKING:
    from regions.networks import Box, Slice

_FEW = 5  # dimensions in which vertices are few enough


def enumerate_regions(
    net: Any,
    domain: Box | Slice | tuple[Any, Any] | None = None,
    *,
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    input_shape: Sequence[int] | None = None,
) -> Iterator[Region]:
    """Yield every full-dimensional activation region of `net` over `domain`, as it is found.

    Regions come depth first from the tree that `method="vertices"` counts, over bounded domains in
    1 to 5 dimensions, or else `method="cells"`, so memory does not grow with their number.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    domain : Box, Slice, pair (low, high) or None
        None is all of the input space.
    time_limit : float, optional
        Seconds after which OutOfTime is raised; regions yielded so far are right.
    n_jobs : int, optional
        Workers that share the subtrees (joblib); regions then come in no fixed order.
    progress : bool
        Show a bar on stderr.
    input_shape : sequence of int, optional
        Shape of one input, for models that start with a convolution.

    Yields
    ------
    Region
        Pattern, interior point, affine map, and the halfspaces that are facets.

    Raises
    ------
    DomainError, ArgumentError, UnsupportedModelError
        As `count_regions`.
    OutOfTime
        After `time_limit` seconds, if regions are left.

    Warns
    -----
    UncertifiedWarning
        Once, at the end, if the network is too large for exact arithmetic and some decisions could
        not be certified in float64. Without it the regions are exactly those that there are.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])])
    >>> found = regions.enumerate_regions(net, regions.Box([-1.0], [1.0]))
    >>> [region.A.item() for region in sorted(found, key=lambda region: region.point[0])]
    [0.0, 2.0, -2.0]
    """
    question = Question.of(net, domain, input_shape=input_shape)
    effort = Effort(time_limit, n_jobs, progress)
    check_two_pieces(question.net, "enumerate_regions")
    return _shown(question, effort)


@dataclass(frozen=True)
class Leaves:
    """Regions in the coordinates of a frame: what a worker sends back."""

    bits: np.ndarray
    points: np.ndarray
    rows: np.ndarray
    units: np.ndarray
    starts: np.ndarray
    outputs: np.ndarray


def packed_of(question: Question, effort: Effort, tree: Tree, root: Batch) -> Iterator[Packed]:
    """Yield all activation regions, in batches; raise OutOfTime when time is up and some are left.

    `tree` is one for the question, with `root`; it says what was left undecided.
    """
    for leaves in _found(tree, root, effort):
        yield _packed(question, tree.frame, leaves)
        effort.check()


def _shown(question: Question, effort: Effort) -> Iterator[Region]:
    tree, root = tree_of(question, effort)
    with effort.bar("regions") as bar:
        for packed in packed_of(question, effort, tree, root):
            for region in packed:
                bar.update()
                yield region
                effort.check()
    tree.undecided.warn("these regions and their facets")


def tree_of(question: Question, effort: Effort) -> tuple[Tree, Batch]:
    """Return the tree of cells whose facets are found fastest, and its root."""
    frame = frame_of(question.net, question.domain, effort.check)
    few = frame.bounded and 1 <= frame.dimension <= _FEW
    if few and question.net.relu_layers and frame.forms.within_reach:  # vertices can be in doubt
        return vertex_tree(frame, effort)
    return halfspace_tree(frame, effort=effort)


def _found(tree: Tree, root: Batch, effort: Effort) -> Iterator[Leaves]:
    if effort.workers == 1:
        yield from (_leaves(tree, batch) for batch in tree.leaves(root))
        return
    for found in by_workers(_piece, tree, root, effort):
        yield from found


def _piece(piece: Batch, effort: Effort, tree: Tree) -> tuple[list[Leaves], bool, Undecided]:
    """Return the regions below `piece`, whether these are all, and what was left undecided."""
    tree = tree.apart()
    found: list[Leaves] = []
    try:
        for batch in tree.leaves(piece):
            effort.check()
            found.append(_leaves(tree, batch))
    except OutOfTime:
        return found, False, tree.undecided
    return found, True, tree.undecided


def _leaves(tree: Tree, batch: Batch) -> Leaves:
    """Return a batch of regions with their outputs and facets."""
    outputs, _ = tree.outputs(batch)
    bits = np.packbits(batch.active, axis=1)
    return Leaves(bits, *tree.geometry.described(tree, batch), outputs)


def _packed(question: Question, frame: Frame, leaves: Leaves) -> Packed:
    """Return regions in the coordinates of the domain."""
    inner, back = len(frame.axes), frame.back.T
    center, _ = frame.reported
    normals = leaves.rows[:, :inner] @ back
    offsets = leaves.rows[:, inner] - normals @ center
    # first to size one: squares of very large or small coefficients leave the range of float64
    sizes = np.abs(normals).max(axis=1, initial=0.0)
    normals, offsets = normals / sizes[:, None], offsets / sizes
    norms = np.linalg.norm(normals, axis=1)
    slopes = leaves.outputs[:, :inner].transpose(0, 2, 1) @ back
    return Packed(
        net=question.net,
        domain=question.domain,
        bits=leaves.bits,
        coordinates=frame.coordinates(leaves.points),
        slopes=slopes,
        constants=leaves.outputs[:, inner] - slopes @ center,
        facets=np.diff(leaves.starts).astype(np.int32),
        normals=normals / norms[:, None],
        offsets=offsets / norms,
        units=np.maximum(leaves.units, -1).astype(np.int32),
    )
