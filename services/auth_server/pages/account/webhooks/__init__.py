"""A tenant's webhook endpoints, for its admins."""
