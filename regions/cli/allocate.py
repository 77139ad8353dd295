"""`regions allocate`."""

from __future__ import annotations

from typing import Annotated, Any

from tyro.conf import Positional, arg

import regions
from regions.cli.given import widths_or_network
from regions.cli.output import TERMINAL, give
from regions.cli.words import WIDTHS, Shape, Where


def allocate(
    model: Annotated[Positional[str], arg(metavar="MODEL", help=WIDTHS)],
    density: Annotated[
        Positional[float],
        arg(metavar="DENSITY", help="fraction of the prunable weights to keep"),
    ],
    objective: str | None = None,
    skip: tuple[str, ...] = (),
    prune_output: bool = False,
    seed: int = 0,
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> None:
    """Choose the density of each layer at a fixed total.

    Args:
        objective: What to maximise, or a baseline; `regions.allocate` lists them (default: the
            best known for what is given).
        skip: Layers to leave dense and outside the budget.
        prune_output: Let the budget cover the output layer too, which is kept whole otherwise.
        seed: Seed of the random masks behind some objectives.
    """
    where.check()
    options: dict[str, Any] = {} if objective is None else {"objective": objective}
    target = widths_or_network(model, input_shape)
    found = regions.allocate(
        target, density, skip=skip, prune_output=prune_output, rng=seed, **options
    )
    give(found, where)
