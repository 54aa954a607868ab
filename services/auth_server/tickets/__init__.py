"""Tickets that were used: what may count once, counts once."""
