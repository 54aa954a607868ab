"""Access tokens, refresh tokens and their rotation, and the signing keys."""
