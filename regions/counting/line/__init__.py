"""Regions along a line: breakpoints carried layer by layer, through networks of any size."""
