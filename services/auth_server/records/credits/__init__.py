"""Prepaid credit of tenants, and what was taken from it."""
