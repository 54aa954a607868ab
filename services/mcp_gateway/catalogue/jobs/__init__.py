"""Tools whose work an API does as a job, which clients follow as a task (SEP-2663)."""
