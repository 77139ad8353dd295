"""One script per published figure or table; compute and draw kept apart."""
