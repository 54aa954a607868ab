"""Tenants, which are the SaaS product's customer organisations, and their members."""
