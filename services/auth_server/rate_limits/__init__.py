"""Rate limits of one process; `records/attempts/` counts across processes."""
