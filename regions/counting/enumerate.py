"""Streams the regions of a network one by one, each with its map and its facets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.counting.cells import Halfspaces, halfspace_tree
from regions.counting.frame import Frame
from regions.counting.limits import Stopwatch
from regions.counting.region import Region
from regions.counting.tally import PIECES_PER_JOB, in_parallel, pieces_of, workers
from regions.counting.walk import Batch, Tree
from regions.networks import ReLUNetwork, as_network
from regions.progress import track

if TYPE_CHECKING:
    from regions.networks import Box, Slice


def enumerate_regions(
    net: Any,
    domain: Box | Slice | None = None,
    *,
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Iterator[Region]:
    """Yield every full-dimensional activation region of `net` over `domain`, as it is found.

    Regions come depth first from the tree that `method="cells"` counts, so memory does not grow
    with their number.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    domain : Box, Slice or None
        None is all of the input space.
    time_limit : float, optional
        Seconds after which TimeoutError is raised; regions yielded so far are right.
    n_jobs : int, optional
        Workers that share the subtrees (joblib); regions then come in no fixed order.
    progress : bool
        Show a bar on stderr.

    Yields
    ------
    Region
        Pattern, interior point, affine map, and the halfspaces that are facets.

    Raises
    ------
    DomainError, ArgumentError, UnsupportedModelError
        As `count_regions`.
    TimeoutError
        After `time_limit` seconds, if regions are left.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])])
    >>> found = regions.enumerate_regions(net, regions.Box([-1.0], [1.0]))
    >>> [region.A.item() for region in sorted(found, key=lambda region: region.point[0])]
    [0.0, 2.0, -2.0]
    """
    from regions.counting.count import check_request

    network = net if isinstance(net, ReLUNetwork) else as_network(net)
    check_request(network, domain, "activation", time_limit, n_jobs)
    return _regions(network, domain, Stopwatch(time_limit), n_jobs, progress)


@dataclass(frozen=True)
class Leaves:
    """Regions in the coordinates of a frame: what a worker sends back."""

    active: np.ndarray
    points: np.ndarray
    rows: np.ndarray
    units: np.ndarray
    starts: np.ndarray
    outputs: np.ndarray


def _regions(
    net: ReLUNetwork,
    domain: Box | Slice | None,
    watch: Stopwatch,
    n_jobs: int | None,
    progress: bool,
) -> Iterator[Region]:
    tree = halfspace_tree(net, domain)
    root = tree.root(Halfspaces(tree.frame).root())
    frame = tree.frame
    with track(show=progress, label="regions") as bar:
        for leaves in _found(tree, root, watch, n_jobs):
            for index in range(len(leaves.active)):
                yield _region(net, domain, frame, leaves, index)
                if watch.expired():
                    raise TimeoutError("time_limit is over before all regions were found")
            bar.update(len(leaves.active))


def _found(tree: Tree, root: Batch, watch: Stopwatch, n_jobs: int | None) -> Iterator[Leaves]:
    jobs = workers(n_jobs)
    if jobs == 1:
        yield from (_leaves(tree, batch) for batch in tree.leaves(root))
        return
    tree, pieces = pieces_of(tree, root, jobs * PIECES_PER_JOB)
    for found, finished in in_parallel(_piece, tree, pieces, watch, n_jobs):
        yield from found
        if not finished:
            raise TimeoutError("time_limit is over before all regions were found")


def _piece(tree: Tree, piece: Batch, deadline: float | None) -> tuple[list[Leaves], bool]:
    """Return the regions below `piece`, and whether these are all."""
    found = []
    for batch in tree.leaves(piece):
        if deadline is not None and time.time() > deadline:
            return found, False
        found.append(_leaves(tree, batch))
    return found, True


def _leaves(tree: Tree, batch: Batch) -> Leaves:
    """Return a batch of regions with their outputs and facets."""
    frame = tree.frame
    state = batch.state if batch.state is not None else tree.state(batch)
    homogeneous = np.tile(frame.homogeneous, len(batch))
    outputs, _ = tree.net.advance(state, len(tree.net.relu_layers), homogeneous)
    rows, units, starts = Halfspaces(frame).facets(batch.cells)
    return Leaves(
        active=batch.active,
        points=batch.cells.points,
        rows=rows,
        units=units,
        starts=starts,
        outputs=outputs.reshape(len(batch), len(frame.columns), -1),
    )


def _region(
    net: ReLUNetwork, domain: Box | Slice | None, frame: Frame, leaves: Leaves, index: int
) -> Region:
    """Return one region in the coordinates of the domain."""
    inner = len(frame.axes)
    part = slice(leaves.starts[index], leaves.starts[index + 1])
    normals = leaves.rows[part, :inner] @ frame.back.T
    offsets = leaves.rows[part, inner] - normals @ frame.center
    norms = np.linalg.norm(normals, axis=1, keepdims=True)
    slope = leaves.outputs[index, :inner].T @ frame.back.T
    coordinates = frame.coordinates(leaves.points[index])
    point = coordinates if domain is None else domain.embed(coordinates[None])[0]
    return Region(
        pattern=leaves.active[index],
        point=point,
        coordinates=coordinates,
        slope=slope,
        offset=leaves.outputs[index, inner] - slope @ frame.center,
        normals=normals / norms,
        offsets=offsets / norms[:, 0],
        units=leaves.units[part],
        network=net,
    )
