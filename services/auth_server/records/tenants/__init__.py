"""Tenants: the SaaS's customer organisations, and who is a member of which."""
