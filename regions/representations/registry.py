"""The measures by name.

Examples
--------
>>> from regions.representations import MEASURES
>>> [name for name, measure in MEASURES.items() if not measure.without_interval]
['cka', 'cka_debiased', 'procrustes']
"""

from __future__ import annotations

from collections.abc import Mapping

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
