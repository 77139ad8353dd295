"""How many linear regions there can be: one theorem per file."""

from regions.bounds.bound import Bound
from regions.bounds.expected import Expected
from regions.bounds.lower import lower_bound
from regions.bounds.ranks import rank_distribution
from regions.bounds.upper import upper_bound

__all__ = ["Bound", "Expected", "lower_bound", "rank_distribution", "upper_bound"]
