"""Change tenants' policies and members, with immediate effect on tokens."""
