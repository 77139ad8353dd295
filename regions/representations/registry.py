"""The measures by name, and the one place where a name and its options become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from regions.errors import ArgumentError
from regions.representations.cca import CCA
from regions.representations.cka import CKA
from regions.representations.measure import Measure
from regions.representations.procrustes import Procrustes
from regions.representations.pwcca import PWCCA
from regions.representations.regression import RegressionR2
from regions.representations.svcca import SVCCA

MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (CCA(), SVCCA(), PWCCA(), CKA(), CKA(True), Procrustes(), RegressionR2())
}


def measure_of(
    measure: str | Measure, options: Mapping[str, Any], beside: Iterable[str] = ()
) -> Measure:
    """Return the measure of that name, or the measure itself, with these options as its fields.

    `beside` are options of the caller, which the message on an unknown one lists too.
    """
    if not isinstance(measure, Measure):
        if measure not in MEASURES:
            raise ArgumentError(f"measure is {measure!r}; choose one of {', '.join(MEASURES)}")
        measure = MEASURES[measure]
    known = [field.name for field in fields(measure)]
    unknown = sorted(set(options).difference(known))
    if unknown:
        others = f"; beside them: {', '.join(beside)}" if beside else ""
        raise ArgumentError(
            f"measure {measure.name!r} does not know the option(s) {', '.join(unknown)}; its "
            f"options are: {', '.join(known) or 'none'}{others}"
        )
    return replace(measure, **options)
