"""Changing tenants, their policies and their members, with effect on tokens at once."""
