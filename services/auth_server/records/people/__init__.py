"""People who sign in, and their identities at providers."""
