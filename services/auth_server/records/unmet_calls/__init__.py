"""Calls that agents made in vain, counted by the day."""
