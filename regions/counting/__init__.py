"""Counting the regions of a ReLU network: one engine per file, one result type."""

from regions.counting.limits import Stopwatch
from regions.counting.region import Region
from regions.counting.result import RegionCount, Status

__all__ = ["Region", "RegionCount", "Status", "Stopwatch"]
