"""`gatepost tools`: review a manifest before it is served. Command line only."""
