"""Revocations: followed in the background, and checked for every request."""
