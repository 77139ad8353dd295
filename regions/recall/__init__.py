"""Recall under pruning: tables, estimators of recall intensification, tests, companions."""

from regions.gini import gini
from regions.recall.break_even import BreakEven, break_even
from regions.recall.churn import churn
from regions.recall.class_impact import class_impact
from regions.recall.class_level import class_intensification
from regions.recall.compare import IntensificationComparison, compare_intensification
from regions.recall.cross_model import CrossModel
from regions.recall.dispersion import dispersion
from regions.recall.equivalence import equivalence
from regions.recall.estimator import Estimator
from regions.recall.excess_loss import excess_loss
from regions.recall.exemplars import exemplars, find_exemplars
from regions.recall.intensification import intensification
from regions.recall.mixed import DoseResponse, dose_response
from regions.recall.moments import Moments
from regions.recall.nulls import NULLS, Null, logit_shift
from regions.recall.ols import OLS
from regions.recall.options import ESTIMATORS
from regions.recall.plots import plot_balances, plot_classes, plot_intensification
from regions.recall.rank_stability import rank_stability
from regions.recall.replicates import replicates
from regions.recall.report import RecallReport, report
from regions.recall.result import IntensificationResult
from regions.recall.split_half import SplitHalf
from regions.recall.table import RecallTable
from regions.recall.trend import Trend, trend
from regions.recall.worst_class import worst_class

__all__ = [
    "ESTIMATORS",
    "NULLS",
    "OLS",
    "BreakEven",
    "CrossModel",
    "DoseResponse",
    "Estimator",
    "IntensificationComparison",
    "IntensificationResult",
    "Moments",
    "Null",
    "RecallReport",
    "RecallTable",
    "SplitHalf",
    "Trend",
    "break_even",
    "churn",
    "class_impact",
    "class_intensification",
    "compare_intensification",
    "dispersion",
    "dose_response",
    "equivalence",
    "excess_loss",
    "exemplars",
    "find_exemplars",
    "gini",
    "intensification",
    "logit_shift",
    "plot_balances",
    "plot_classes",
    "plot_intensification",
    "rank_stability",
    "replicates",
    "report",
    "trend",
    "worst_class",
]
