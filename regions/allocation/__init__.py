"""Which density each layer gets: budgets, objectives, rules and the search."""

from regions.allocation.allocate import allocate
from regions.allocation.allocation import Allocation
from regions.allocation.objective import Objective, Rule
from regions.allocation.registry import OBJECTIVES, RULES

__all__ = ["OBJECTIVES", "RULES", "Allocation", "Objective", "Rule", "allocate"]
