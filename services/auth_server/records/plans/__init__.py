"""The plans that tenants can have."""
