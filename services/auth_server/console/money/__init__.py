"""The console's pages of plans, the books, and the events of Stripe."""
