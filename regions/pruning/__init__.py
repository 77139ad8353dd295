"""Which weights are kept: `Masks`, `prune`, and one criterion per file."""

from regions.pruning.criteria import CRITERIA, METHODS, Criterion, Request, Selection
from regions.pruning.effective import Effective
from regions.pruning.masks import Masks
from regions.pruning.prune import prune
from regions.pruning.units import unit_layers

__all__ = [
    "CRITERIA",
    "METHODS",
    "Criterion",
    "Effective",
    "Masks",
    "Request",
    "Selection",
    "prune",
    "unit_layers",
]
