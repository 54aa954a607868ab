"""What the billing system knows about a tenant: its customer and its subscription."""
