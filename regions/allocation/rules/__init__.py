"""Layer densities from a formula alone, without any search: the controls of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from regions.allocation.problem import Problem
from regions.allocation.rules.disjoint import disjoint
from regions.allocation.rules.erdos_renyi import erdos_renyi, erdos_renyi_kernel
from regions.allocation.rules.lamp import lamp
from regions.allocation.rules.parabola import parabola
from regions.allocation.rules.plain import equal, global_magnitude, uniform

Rule = Callable[[Problem], dict[str, int]]

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "disjoint": disjoint,
        "equal": equal,
        "er": erdos_renyi,
        "erk": erdos_renyi_kernel,
        "global": global_magnitude,
        "lamp": lamp,
        "parabola": parabola,
        "uniform": uniform,
    }
)

__all__ = ["RULES", "Rule"]
