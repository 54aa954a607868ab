"""The authorization server's metrics: their names, and where the values come from."""
