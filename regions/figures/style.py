"""The look of a published figure: widths of the venues, fonts, colours, markers, line styles.

Examples
--------
>>> from regions.figures import LINE_STYLES, MARKERS, PALETTE, VENUES
>>> len(PALETTE) == len(set(PALETTE)), len(MARKERS) == len(set(MARKERS)), LINE_STYLES[0]
(True, True, '-')
>>> VENUES[0]
'aaai'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from cycler import cycler

from regions.errors import ArgumentError

# Okabe and Ito's colours without their yellow, which is hard to see on white paper.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINE_STYLES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (7, 2)), "-", (0, (2, 1)))

# venue: (width of a column, width of the text), inches
_WIDTHS = {
    "aaai": (3.3, 6.975),
    "aistats": (3.25, 6.75),
    "cpaior": (4.8, 4.8),
    "cvpr": (3.25, 6.875),
    "iclr": (5.5, 5.5),
    "icml": (3.25, 6.75),
    "jmlr": (6.0, 6.0),
    "neurips": (5.5, 5.5),
    "tmlr": (6.5, 6.5),
    "uai": (3.25, 6.75),
}
VENUES = tuple(_WIDTHS)

_GOLDEN = 0.618


def figure_width(venue: str = "neurips", width: Literal["column", "text"] = "text") -> float:
    """Return the width in inches of a column or of the whole text at `venue`.

    >>> figure_width("icml", "column")
    3.25
    """
    if venue not in _WIDTHS:
        raise ArgumentError(f"venue {venue!r} is unknown; choose one of {', '.join(VENUES)}")
    if width not in ("column", "text"):
        raise ArgumentError(f"width is {width!r}; choose 'column' or 'text'")
    return _WIDTHS[venue][width == "text"]


@contextmanager
def figure_style(
    venue: str = "neurips",
    width: Literal["column", "text"] = "text",
    aspect: float = _GOLDEN,
    rows: int = 1,
    columns: int = 1,
) -> Iterator[float]:
    """Make figures that fit `venue` inside the `with` block; matplotlib is as before after it.

    Parameters
    ----------
    venue
        One of `VENUES`; sets the width.
    width
        "column" for one column of a two-column venue, "text" for the whole page.
    aspect
        Height divided by width of *one* panel.
    rows, columns
        The grid of panels that the figure will hold; sets the height.

    Yields
    ------
    float
        The width in inches.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with figure_style("icml", "column") as inches:
    ...     fig, ax = plt.subplots()
    >>> float(fig.get_size_inches()[0]) == inches == 3.25
    True
    >>> plt.close(fig)
    """
    inches = figure_width(venue, width)
    height = inches / columns * aspect * rows
    settings: dict[Any, Any] = {**_SETTINGS, "figure.figsize": (inches, height)}
    with mpl.rc_context(settings):
        yield inches


_SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}
