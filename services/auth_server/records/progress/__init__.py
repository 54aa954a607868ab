"""How far jobs have come that process each record once."""
