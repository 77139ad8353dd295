"""Removal of whole units: which can go, in which order, and what the next layer makes of it."""
