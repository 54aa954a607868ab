"""People who sign in, and the tenants they are members of."""
