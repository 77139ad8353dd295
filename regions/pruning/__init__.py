"""Which weights are kept: `Masks`, `prune`, and one criterion per file."""

from regions.pruning.criteria import CRITERIA, Criterion, Request
from regions.pruning.effective import Effective
from regions.pruning.masks import Masks
from regions.pruning.prune import prune

__all__ = ["CRITERIA", "Criterion", "Effective", "Masks", "Request", "prune"]
