"""Everything that pruning did to a network, on one page: `survey` measures, `Atlas.save` shows."""

from regions.atlas.atlas import Atlas
from regions.atlas.exhibits import Exhibit
from regions.atlas.method import Method, read_method
from regions.atlas.quantities import Quantity
from regions.atlas.settings import Settings
from regions.atlas.survey import survey

__all__ = ["Atlas", "Exhibit", "Method", "Quantity", "Settings", "read_method", "survey"]
