"""Limits of tenants: the rate, counted in Redis for all processes or in this one, and concurrency."""
