"""Members who asked the admins of their tenant for a larger plan."""
