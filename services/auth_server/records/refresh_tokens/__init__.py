"""Refresh tokens, stored as hashes, rotated at each use and revoked as a family."""
