"""The bound that counts a unit only if a path leads to it from an input."""

from regions.allocation.objectives.on_masks import preparer

prepare = preparer("live")
