"""`regions names`."""

from __future__ import annotations

from regions.allocation import OBJECTIVES, RULES
from regions.bounds.upper import KINDS
from regions.counting.count import METHODS as ENGINES
from regions.pruning import CRITERIA, METHODS
from regions.recall import ESTIMATORS, NULLS
from regions.representations import MEASURES
from regions.training import MODELS
from regions.training.datasets import DIGITS

_DATA = (*DIGITS, "FILE.npz", "FOLDER of IDX files", "FOLDER of binary CIFAR")


def names() -> None:
    """List the names that options take: models, data sets, methods, measures, bounds."""
    lists = {
        "models (atlas)": MODELS,
        "data sets (--data)": _DATA,
        "criteria (prune --criterion)": CRITERIA,
        "methods (prune --criterion)": METHODS,
        "objectives (allocate --objective)": OBJECTIVES,
        "rules (allocate --objective)": RULES,
        "engines (count --method)": ENGINES,
        "bounds (bound --kind)": (*KINDS, "all"),
        "measures (compare --measure)": MEASURES,
        "estimators (recall --estimator)": ESTIMATORS,
        "nulls (recall --null)": NULLS,
    }
    for what, known in lists.items():
        print(f"{what}: {', '.join(known)}")
    print("studies: they are scripts of the repository; in a checkout, python -m analyses --list")
