"""How often a tenant may call, counted in Redis for all processes or in this one, and how many at once."""
