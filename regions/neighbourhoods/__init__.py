"""Regions where the data are: what lies around single points, for networks of any size."""

from regions.neighbourhoods.local import Neighbourhoods, local
from regions.neighbourhoods.nearest import Nearest, nearest_boundaries

__all__ = ["Nearest", "Neighbourhoods", "local", "nearest_boundaries"]
