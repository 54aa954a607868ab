"""Revocations: what ended early, followed in the background and asked for by every request."""
