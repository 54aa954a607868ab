"""Comments: the discussion below a task."""
