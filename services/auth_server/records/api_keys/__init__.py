"""API keys: what a person's program is worth at a resource, hashed, with label, expiry, last use."""
