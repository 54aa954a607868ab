"""Files attached to tasks."""
