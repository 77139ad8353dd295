"""`regions bound`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

import regions
from regions.bounds import Bound
from regions.bounds.upper import KINDS
from regions.cli.given import widths_or_network
from regions.cli.output import TERMINAL, give
from regions.cli.words import FILES, Shape, Where, one_of
from regions.errors import RegionsError
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd

_WIDTHS = (
    "widths such as 784,100,100: inputs, then ReLU layers; the output layer has no ReLU and is "
    f"left out here (`regions allocate` takes it as the last); or {FILES}"
)


@dataclass(frozen=True, repr=False)
class AllBounds(Result):
    """Every bound that holds for what was given, and why the others do not."""

    bounds: tuple[Bound, ...]
    refused: Mapping[str, str]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per bound."""
        import pandas as pd

        return pd.concat([bound.to_frame() for bound in self.bounds], ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return all bounds, JSON-ready."""
        return jsonable({"bounds": self.bounds, "refused": self.refused})

    def summary(self) -> str:
        """Return one line per bound."""
        rows = [
            f"{bound.kind:<11}2^{bound.log2:<10.5g}{bound.bounds}"
            + (", on average over random masks" if bound.is_expectation else "")
            for bound in self.bounds
        ]
        others = [f"{kind:<11}not here: {why}" for kind, why in self.refused.items()]
        return "\n".join([*rows, *others])


def bound(
    model: Annotated[Positional[str], arg(metavar="MODEL", help=_WIDTHS)],
    kind: Annotated[str, one_of((*KINDS, "all"))] = "serra",
    density: tuple[float, ...] = (),
    masks: Path | None = None,
    dim: int | None = None,
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> None:
    """Bound the number of linear regions that a network can have.

    Args:
        kind: Which theorem; `regions.upper_bound` describes each; all gives a table.
        density: For kind expected: one density, or one per layer.
        masks: File of masks (from `regions prune`), for the kinds that look at one mask.
        dim: Dimension of an affine subspace of inputs (default: all inputs).
    """
    where.check()
    target = widths_or_network(model, input_shape)
    given = {"masks": None if masks is None else regions.Masks.load(masks), "dim": dim}
    chosen = (density[0] if len(density) == 1 else density) if density else None
    if kind != "all":
        give(regions.upper_bound(target, kind, density=chosen, **given), where)
        return
    bounds, refused = [], {}
    for name in KINDS:
        options = {"dim": dim, "density": chosen} if name == "expected" else given
        try:
            bounds.append(regions.upper_bound(target, name, **options))
        except RegionsError as error:
            refused[name] = str(error)
    give(AllBounds(tuple(bounds), refused), where)
