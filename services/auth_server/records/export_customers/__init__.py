"""The customers that tenants are at the system to which usage is exported."""
