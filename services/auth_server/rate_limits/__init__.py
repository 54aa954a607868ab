"""Rate limits of this process; what is counted across processes is in `records/attempts/`."""
