"""Identify callers: access tokens, the keys that verify them, and the challenge to other clients."""
