"""Members who asked the admins of their tenant to allow an app."""
