"""Paper style, saving with provenance, and the plots that several studies share."""

from regions.figures.means import mean_intervals, plot_means, share_legend
from regions.figures.provenance import Run
from regions.figures.save import save_figure, save_run, save_table
from regions.figures.style import (
    LINE_STYLES,
    MARKERS,
    PALETTE,
    VENUES,
    figure_style,
    figure_width,
)

__all__ = [
    "LINE_STYLES",
    "MARKERS",
    "PALETTE",
    "VENUES",
    "Run",
    "figure_style",
    "figure_width",
    "mean_intervals",
    "plot_means",
    "save_figure",
    "save_run",
    "save_table",
    "share_legend",
]
