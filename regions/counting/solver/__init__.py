"""Regions through mixed-integer programs."""
