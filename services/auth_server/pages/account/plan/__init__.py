"""The page of a tenant's plan and usage, and its forms."""
