"""The criteria and methods by name, and the one place where a name and its options become one.

Examples
--------
>>> from regions.pruning import CRITERIA, METHODS
>>> "magnitude" in CRITERIA, sorted(set(CRITERIA) & set(METHODS))
(True, [])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regions.choices import choose
from regions.pruning.criteria.gradient import Gradient
from regions.pruning.criteria.grasp import GraSP
from regions.pruning.criteria.magnitude import Magnitude
from regions.pruning.criteria.random import Random
from regions.pruning.criteria.snip import SNIP
from regions.pruning.criteria.synflow import SynFlow
from regions.pruning.criteria.undecayed import Undecayed
from regions.pruning.criterion import Criterion, Function, Method
from regions.pruning.methods.blocks import Blocks
from regions.pruning.methods.disjoint import Disjoint
from regions.pruning.methods.spectral import Spectral
from regions.pruning.removal.greedy import Greedy
from regions.pruning.removal.subspace import Subspace

CRITERIA: Mapping[str, type[Criterion]] = {
    criterion.name: criterion
    for criterion in (Gradient, GraSP, Magnitude, Random, SNIP, SynFlow, Undecayed)
}
METHODS: Mapping[str, type[Method]] = {
    method.name: method for method in (Blocks, Disjoint, Greedy, Spectral, Subspace)
}


def criterion_of(
    criterion: str | Criterion | Method | Function, options: Mapping[str, Any]
) -> Criterion | Method | Function:
    """Return the criterion or method of that name, or itself, with these options as its fields.

    A function is returned as it is: it finds the options in its `Request`.
    """
    known = {**CRITERIA, **METHODS}
    if callable(criterion) and not isinstance(criterion, (type, Criterion, Method)):
        return criterion
    return choose("criterion", criterion, known, options)
