"""`regions bound`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import regions
from regions.bounds.upper import KINDS
from regions.cli.given import widths_or_network
from regions.cli.output import TERMINAL, give
from regions.cli.words import ModelOrWidths, Shape, Where, one_of


def bound(
    model: ModelOrWidths,
    kind: Annotated[str, one_of(KINDS)] = "serra",
    density: tuple[float, ...] = (),
    masks: Path | None = None,
    dim: int | None = None,
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> None:
    """Bound the number of linear regions that a network can have.

    Args:
        kind: Which theorem; `regions.upper_bound` describes each.
        density: For kind expected: one density, or one per layer.
        masks: File of masks (from `regions prune`), for the kinds that look at one mask.
        dim: Dimension of an affine subspace of inputs (default: all inputs).
    """
    where.check()
    found = regions.upper_bound(
        widths_or_network(model, input_shape),
        kind,
        density=(density[0] if len(density) == 1 else density) if density else None,
        masks=None if masks is None else regions.Masks.load(masks),
        dim=dim,
    )
    give(found, where)
