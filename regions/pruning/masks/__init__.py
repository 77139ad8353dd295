"""Masks: which weights are kept, which of them are on a path, how they are put on and stored."""

from regions.pruning.masks.masks import Effective, Masks

__all__ = ["Effective", "Masks"]
