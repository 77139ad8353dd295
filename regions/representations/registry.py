"""The measures by name, and the one place where a name and its options become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from regions.choices import choose
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
    return choose("measure", measure, MEASURES, options, beside=tuple(beside), base=Measure)
