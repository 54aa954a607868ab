"""What people do with their own accounts, and what follows from it at once."""
