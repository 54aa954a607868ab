"""Addresses that people had before, to which they can return for some days."""
