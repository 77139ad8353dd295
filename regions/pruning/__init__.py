"""Which weights are kept: `Masks`, `prune`, and one criterion per file."""

from regions.pruning.criteria import CRITERIA, METHODS, Criterion, Request, Selection
from regions.pruning.effective import Effective
from regions.pruning.masks import Masks
from regions.pruning.prune import prune

__all__ = [
    "CRITERIA",
    "METHODS",
    "Criterion",
    "Effective",
    "Masks",
    "Request",
    "Selection",
    "prune",
]
