"""`count_kinds`: the same network and domain under every definition of a region."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from regions.choices import check_name
from regions.counting.count import count_regions
from regions.counting.engine import Engine
from regions.counting.question import Kind, Question
from regions.counting.result import RegionCount
from regions.networks import Box, Slice
from regions.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class KindCounts(Result):
    """Counts of several kinds of regions; ``found["linear"]`` is one of them.

    Attributes
    ----------
    results : tuple of RegionCount

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> found = regions.counting.count_kinds(net, regions.Box.cube(2, -1.0, 1.0), ("activation",))
    >>> int(found["activation"]), len(found.results)
    (4, 1)
    """

    results: tuple[RegionCount, ...]

    def __getitem__(self, kind: str) -> RegionCount:
        check_name("kind", kind, [result.kind for result in self.results])
        return next(result for result in self.results if result.kind == kind)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per kind, as `RegionCount.to_frame`, and the definition."""
        import pandas as pd

        table = pd.concat([result.to_frame() for result in self.results], ignore_index=True)
        return table.assign(definition=[result.definition for result in self.results])

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary of the results by kind."""
        return {result.kind: result.to_dict() for result in self.results}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the number of regions of each kind; a bar from lower to upper where not counted."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        for place, result in enumerate(self.results):
            if result.count is not None:
                ax.plot(result.count, place, "o", color="C0")
            ends = (result.lower, result.lower if result.upper is None else result.upper)
            ax.hlines(place, *ends, color="C0", lw=5, alpha=0.35)
            if result.upper is None:
                ax.plot(result.lower, place, ">", color="C0")
        ax.set_yticks(range(len(self.results)), [result.kind for result in self.results])
        ax.invert_yaxis()
        ax.set(xlabel="regions (bars: between bounds, >: at least)", ylabel="kind", xscale="log")
        return ax

    def summary(self) -> str:
        """Return two lines per kind: how many, and what a region is."""
        lines = (result.summary().splitlines()[:2] for result in self.results)
        return "\n".join(f"{count}\n    {definition}" for count, definition in lines)


def count_kinds(
    net: Any,
    domain: Box | Slice | tuple[Any, Any] | None = None,
    kinds: str | Iterable[Kind] = "all",
    method: str | Engine = "auto",
    input_shape: Sequence[int] | None = None,
    **options: Any,
) -> KindCounts:
    """Count the regions of a network under several definitions.

    Parameters
    ----------
    net : ReLUNetwork or whatever `as_network` reads
    domain : Box, Slice, pair (low, high) or None
        Where to count; None is all of the input space.
    kinds : "all" or names of kinds
        "pattern", "activation", "convex", "linear", "closed", "affine": from the most regions to
        the fewest.
    input_shape : sequence of int, optional
        Shape of one input, for models that start with a convolution.
    method, **options
        As `count_regions`; a time limit is one for each kind.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> found = count_kinds(net, regions.Box.cube(2, -1.0, 1.0), ("activation", "affine"))
    >>> [int(result) for result in found.results]
    [4, 4]
    """
    names: tuple[Any, ...] = get_args(Kind) if kinds == "all" else tuple(kinds)
    for name in names:
        check_name("kind", name, get_args(Kind))
    question = Question.of(net, domain, input_shape=input_shape)
    asked = question.net, question.domain, method
    chosen = (count_regions(*asked, name, **options) for name in names)
    return KindCounts(tuple(chosen))
