"""`regions local`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import regions
from regions.cli.given import network, read_array
from regions.cli.output import TERMINAL, give
from regions.cli.words import Model, Shape, Where, one_of
from regions.neighbourhoods.nearest import METHODS


def local(
    model: Model,
    points: Path,
    radius: float | None = None,
    directions: int = 64,
    rng: int = 0,
    planes: bool = False,
    method: Annotated[str, one_of(METHODS)] = "auto",
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> None:
    """Measure the regions around points: the nearest boundary, and what lies within a radius.

    Args:
        points: An .npy file of inputs, (points, n0).
        radius: How far to look along random directions; without it only the nearest boundary.
        directions: How many rays from each point, an even number.
        rng: Seed of the directions.
        planes: Also count the regions of a plane through each point.
        method: How the nearest boundary is found; probes are for large networks.
    """
    where.check()
    found = regions.local(
        network(model, input_shape),
        read_array(points),
        radius,
        directions,
        rng,
        planes=planes,
        method=method,
        progress=sys.stderr.isatty(),
    )
    give(found, where)
