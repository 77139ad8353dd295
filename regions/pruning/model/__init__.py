"""What a model holds that can be pruned: its weights, what makes them, and its wiring."""
