"""Which density each layer gets: budgets, objectives, rules and the search."""

from regions.allocation.allocate import allocate
from regions.allocation.allocation import Allocation
from regions.allocation.objectives import OBJECTIVES
from regions.allocation.rules import RULES

__all__ = ["OBJECTIVES", "RULES", "Allocation", "allocate"]
