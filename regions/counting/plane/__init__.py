"""Regions of a plane: convex polygons, cut unit by unit."""
