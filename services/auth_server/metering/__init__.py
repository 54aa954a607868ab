"""What tenants use, what follows from it, and what it costs."""
