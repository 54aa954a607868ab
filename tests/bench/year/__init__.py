"""A year of a million calls of 1,000 tenants, in a database."""
