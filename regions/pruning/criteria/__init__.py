"""Scores of weights, one criterion per file: `prune` keeps the best."""
