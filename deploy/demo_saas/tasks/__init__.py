"""Tasks: single pieces of work within a project."""
