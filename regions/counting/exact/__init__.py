"""The model of numbers: what float64 certifies, and exact arithmetic on the given weights else."""
