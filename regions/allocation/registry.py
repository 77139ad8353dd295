"""The objectives and rules by name.

Examples
--------
>>> from regions.allocation import OBJECTIVES, RULES
>>> "expected" in OBJECTIVES, "erk" in RULES
(True, True)
"""

from __future__ import annotations

from collections.abc import Mapping

from regions.allocation.objective import Objective, Rule
from regions.allocation.objectives.expected import Expected
from regions.allocation.objectives.expected_log import ExpectedLog
from regions.allocation.objectives.on_masks import Effective, Live, Rows
from regions.allocation.objectives.on_paths import EffectiveUnits, EffectiveWeights
from regions.allocation.objectives.rank import Rank
from regions.allocation.rules.balance import Balance
from regions.allocation.rules.disjoint import Disjoint
from regions.allocation.rules.erdos_renyi import ErdosRenyi, ErdosRenyiKernel
from regions.allocation.rules.lamp import LAMP
from regions.allocation.rules.parabola import Parabola
from regions.allocation.rules.plain import Equal, GlobalMagnitude, Uniform, UniformPlus

OBJECTIVES: Mapping[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        Effective,
        EffectiveUnits,
        EffectiveWeights,
        Expected,
        ExpectedLog,
        Live,
        Rank,
        Rows,
    )
}
RULES: Mapping[str, type[Rule]] = {
    rule.name: rule
    for rule in (
        Balance,
        Disjoint,
        Equal,
        ErdosRenyi,
        ErdosRenyiKernel,
        GlobalMagnitude,
        LAMP,
        Parabola,
        Uniform,
        UniformPlus,
    )
}
