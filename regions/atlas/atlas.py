"""`Atlas`: all that was measured, with its figures and its page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regions.atlas.exhibits import Exhibit, draw_accuracy, exhibits
from regions.atlas.findings import Findings
from regions.atlas.saving import save_atlas

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Atlas(Findings):
    """What pruning did to a network, with its figures and its page; the fields of `Findings`.

    Examples
    --------
    >>> import tempfile
    >>> from regions.atlas import Settings, survey
    >>> from regions.training import Recipe
    >>> short = Recipe(epochs=1)
    >>> few = Settings(
    ...     densities=(0.2,), methods=("random",), seeds=1, planes=1, lines=1, images=100,
    ...     ntk_images=5, dense=short, fine=short,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     atlas = survey("mlp", "digits", folder, few)
    >>> [exhibit.name for exhibit in atlas.exhibits()][:3]
    ['accuracy', 'regions-plane', 'regions-line']
    """

    def exhibits(self) -> list[Exhibit]:
        """Return the figures of the page, each with the numbers that it draws."""
        return exhibits(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the accuracy of each method against density; `exhibits` has all figures."""
        import matplotlib.pyplot as plt

        return draw_accuracy(self, plt.gca() if ax is None else ax)

    def save(self, folder: str | os.PathLike, extra: Sequence[Exhibit] = ()) -> dict[str, Path]:
        """Write the page, every table as CSV, every figure, and run.json; return the paths.

        Parameters
        ----------
        folder : path
            Gets atlas.html (self-contained), the tables, run.json, and the folder figures.
        extra : sequence of Exhibit
            Further figures for the page.
        """
        return save_atlas(self, Path(folder), [*self.exhibits(), *extra])
