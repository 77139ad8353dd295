"""Counting the regions of a ReLU network: one engine per file, one result type."""

from regions.counting.count import METHODS, choose_method, count_regions
from regions.counting.enumerate import enumerate_regions
from regions.counting.graph import region_graph
from regions.counting.limits import Stopwatch
from regions.counting.line import breakpoints
from regions.counting.pictures import line_density, plot_line_density, plot_regions
from regions.counting.region import Region
from regions.counting.result import RegionCount, Status

__all__ = [
    "METHODS",
    "Region",
    "RegionCount",
    "Status",
    "Stopwatch",
    "breakpoints",
    "choose_method",
    "count_regions",
    "enumerate_regions",
    "line_density",
    "plot_line_density",
    "plot_regions",
    "region_graph",
]
