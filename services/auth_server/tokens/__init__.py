"""Tokens: what a grant is worth right now, and the access and refresh tokens that say so."""
