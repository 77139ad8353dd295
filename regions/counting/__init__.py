"""Counting the regions of a ReLU network: one engine per file, one result type."""

from regions.counting.count import choose_method, count_regions
from regions.counting.limits import Stopwatch
from regions.counting.line import breakpoints
from regions.counting.region import Region
from regions.counting.result import RegionCount, Status

__all__ = [
    "Region",
    "RegionCount",
    "Status",
    "Stopwatch",
    "breakpoints",
    "choose_method",
    "count_regions",
]
