"""The rank-aware bound without the rows that masks leave empty."""

from regions.allocation.objectives.on_masks import preparer

prepare = preparer("rows")
