"""`regions bound`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

import regions
from regions.bounds import Bound
from regions.bounds.upper import KINDS
from regions.cli.given import widths_or_network
from regions.cli.output import TERMINAL, give
from regions.cli.words import WIDTHS, Shape, Where, one_of
from regions.errors import ArgumentError, RegionsError
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd


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
    model: Annotated[Positional[str], arg(metavar="MODEL", help=WIDTHS)],
    kind: Annotated[str, one_of((*KINDS, "all"))] = "serra",
    density: tuple[float, ...] = (),
    masks: Path | None = None,
    dim: int | None = None,
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> None:
    """Bound the number of linear regions that a network can have; its outputs are no ReLUs.

    Args:
        kind: Which theorem; `regions.upper_bound` describes each; all gives a table.
        density: For kind expected: one density, or one per layer.
        masks: File of masks (from `regions prune`), for the kinds that look at one mask.
        dim: Dimension of an affine subspace of inputs (default: all inputs).
    """
    where.check()
    target = widths_or_network(model, input_shape)
    kept = None if masks is None else regions.Masks.load(masks)
    given = {"masks": kept, "dim": dim, "density": None}
    if density:
        given["density"] = density[0] if len(density) == 1 else density
    if kind != "all":
        give(_upper_bound(target, kind, **given), where)
        return
    bounds, refused = [], {}
    for name in KINDS:
        without = "masks" if name == "expected" else "density"
        try:
            bounds.append(_upper_bound(target, name, **given | {without: None}))
        except RegionsError as error:
            refused[name] = str(error)
    give(AllBounds(tuple(bounds), refused), where)


def _upper_bound(target: Any, kind: str, masks: Any, **options: Any) -> Bound:
    """Return the bound of a network, or of widths whose last are outputs and no ReLU units."""
    if not isinstance(target, list):
        return regions.upper_bound(target, kind, masks=masks, **options)
    if len(target) < 3:
        raise ArgumentError(
            f"{','.join(map(str, target))} has no hidden layer, so one linear region; expected "
            "inputs, hidden layers, outputs, such as 784,100,100,10"
        )
    if masks is not None:
        masks = list(masks.values())
        masks = masks[:-1] if len(masks) == len(target) - 1 else masks
    found = regions.upper_bound(target[:-1], kind, masks=masks, **options)
    return replace(found, counts_output=False)
