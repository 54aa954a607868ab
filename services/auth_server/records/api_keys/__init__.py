"""API keys, stored as hashes, with what each allows at a resource, its label, expiry and last use."""
