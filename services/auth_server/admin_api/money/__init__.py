"""The admin API of plans, the books, and the events of the billing system."""
