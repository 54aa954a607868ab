"""Redeem authorization codes, device codes and refresh tokens with raw SQL."""
