"""Which weights are kept: `Masks`, `prune`, and one criterion or method per file."""

from regions.pruning.criterion import Criterion, Method, Request, Selection
from regions.pruning.degrees import degree_statistics
from regions.pruning.masks.masks import Effective, Masks
from regions.pruning.prune import prune
from regions.pruning.registry import CRITERIA, METHODS
from regions.pruning.removal.merge import merge_redundant_units
from regions.pruning.removal.units import unit_layers

__all__ = [
    "CRITERIA",
    "METHODS",
    "Criterion",
    "Effective",
    "Masks",
    "Method",
    "Request",
    "Selection",
    "degree_statistics",
    "merge_redundant_units",
    "prune",
    "unit_layers",
]
