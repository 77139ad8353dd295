"""What an allocation is judged by: bounds, and what lies on paths."""
