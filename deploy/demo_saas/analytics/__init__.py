"""Analytics: figures about how work is going."""
