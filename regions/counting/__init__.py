"""Counting the regions of a ReLU network: one folder per engine, one result type."""

from regions.counting.boundary import DecisionBoundary, decision_boundary
from regions.counting.count import ENGINES, METHODS, choose_method, count_regions
from regions.counting.kinds import KindCounts, count_kinds
from regions.counting.line.line import breakpoints
from regions.counting.pictures import line_density, plot_line_density, plot_regions
from regions.counting.question import DEFINITIONS
from regions.counting.region import Region
from regions.counting.result import RegionCount, Status
from regions.counting.tree.enumerate import enumerate_regions
from regions.counting.tree.graph import region_graph
from regions.counting.undecided import UncertifiedWarning

__all__ = [
    "DEFINITIONS",
    "ENGINES",
    "METHODS",
    "DecisionBoundary",
    "KindCounts",
    "Region",
    "RegionCount",
    "Status",
    "UncertifiedWarning",
    "breakpoints",
    "choose_method",
    "count_kinds",
    "count_regions",
    "decision_boundary",
    "enumerate_regions",
    "line_density",
    "plot_line_density",
    "plot_regions",
    "region_graph",
]
