"""`gatepost tools`: reviewing a manifest before it is served. Command line only."""
