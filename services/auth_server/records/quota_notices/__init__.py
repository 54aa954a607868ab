"""Quotas and budgets that have reached 80 or 100 percent."""
