"""Analytics: figures about the progress of work."""
