"""How unevenly the kept weights of a layer are shared by its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.gini import gini
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class Degrees(Result):
    """Fractional connectivity of the units of every layer.

    Attributes
    ----------
    shares : mapping of str to array
        Kept incoming weights of each unit (output channel) over their number, in [0, 1].
    """

    shares: Mapping[str, np.ndarray]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per layer: `layer`, `units`, `mean`, `sd`, `gini`, `dead`.

        `sd` is over the units (dividing by their number), `gini` the Gini coefficient (0: all
        alike; 0 too if all are 0), `dead` the fraction of units without an incoming weight.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "layer": list(self.shares),
                "units": [share.size for share in self.shares.values()],
                "mean": [share.mean() for share in self.shares.values()],
                "sd": [share.std() for share in self.shares.values()],
                "gini": [float(np.nan_to_num(gini(share))) for share in self.shares.values()],
                "dead": [np.mean(share == 0) for share in self.shares.values()],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the shares as JSON-ready lists."""
        return jsonable({"shares": self.shares})

    def summary(self) -> str:
        """Return one line per layer."""
        return "\n".join(
            "{layer}: {units} units keep {mean:.3g} of their incoming weights on average, "
            "s.d. {sd:.3g}, Gini {gini:.3g}, dead {dead:.3g}".format(**row)
            for row in self.to_frame().to_dict("records")
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the distribution function of the shares of each layer."""
        import matplotlib.pyplot as plt

        from regions.figures.style import LINE_STYLES, PALETTE

        axes = plt.gca() if ax is None else ax
        for index, (name, share) in enumerate(self.shares.items()):
            style = {
                "color": PALETTE[index % len(PALETTE)],
                "linestyle": LINE_STYLES[index % len(LINE_STYLES)],
            }
            axes.ecdf(share, label=name, **style)
        axes.set(xlabel="share of incoming weights kept", ylabel="fraction of units")
        axes.legend()
        return axes


def degree_statistics(masks: Mapping[str, np.ndarray]) -> Degrees:
    """Return how the kept weights of each layer are shared by its units.

    The shares are the in-degrees of the network as a graph of units, each over the largest
    possible one. Their s.d. is what NeuroPrune (arXiv 2404.01306) reports of sparse models.

    Parameters
    ----------
    masks : Masks
        For a model with exact zeros: ``Masks.from_model(model)``.

    Examples
    --------
    >>> from regions import Masks
    >>> found = degree_statistics(Masks({"fc1": [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]}))
    >>> print(found.summary())
    fc1: 3 units keep 0.417 of their incoming weights on average, s.d. 0.425, Gini 0.533, dead 0.333
    """
    return Degrees({name: mask.reshape(len(mask), -1).mean(axis=1) for name, mask in masks.items()})
