"""Plans, the books, and the events of the billing system."""
