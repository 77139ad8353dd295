"""Layer densities from a formula alone: the controls of every comparison."""
