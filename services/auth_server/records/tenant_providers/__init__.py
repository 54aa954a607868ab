"""Which configured identity provider belongs to which tenant."""
