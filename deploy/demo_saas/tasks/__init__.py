"""Tasks of projects."""
