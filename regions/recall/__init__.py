"""Recall under pruning: tables, estimators of recall intensification, tests, companions."""

from regions.recall.class_level import class_intensification
from regions.recall.dispersion import dispersion
from regions.recall.intensification import intensification
from regions.recall.result import IntensificationResult
from regions.recall.table import RecallTable

__all__ = [
    "IntensificationResult",
    "RecallTable",
    "class_intensification",
    "dispersion",
    "intensification",
]
