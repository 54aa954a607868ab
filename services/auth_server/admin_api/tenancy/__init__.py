"""The admin API of tenants, their members and what these have."""
