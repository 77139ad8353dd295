"""The measures by name."""

from __future__ import annotations

from regions.errors import ArgumentError
from regions.representations.cca import CCA
from regions.representations.cka import CKA, CKA_DEBIASED
from regions.representations.measure import Measure
from regions.representations.procrustes import PROCRUSTES
from regions.representations.pwcca import PWCCA
from regions.representations.regression import REGRESSION_R2
from regions.representations.svcca import SVCCA

MEASURES = {
    measure.name: measure
    for measure in (CCA, SVCCA, PWCCA, CKA, CKA_DEBIASED, PROCRUSTES, REGRESSION_R2)
}


def find_measure(measure: str | Measure) -> Measure:
    """Return the measure of that name, or the measure itself."""
    if isinstance(measure, Measure):
        return measure
    if measure not in MEASURES:
        raise ArgumentError(f"measure is {measure!r}; choose one of {', '.join(MEASURES)}")
    return MEASURES[measure]
