"""Choosing the tenant, where a person is a member of several."""
