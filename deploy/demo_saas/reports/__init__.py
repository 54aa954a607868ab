"""Reports: a job that takes some time, and its result."""
