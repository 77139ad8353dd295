"""The bound that counts a unit only if it lies on an input-to-output path."""

from regions.allocation.objectives.on_masks import preparer

prepare = preparer("effective")
