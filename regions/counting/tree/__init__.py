"""Regions in any dimension: the tree of cells, described by halfspaces or by vertices."""
