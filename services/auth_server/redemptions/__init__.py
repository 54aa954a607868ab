"""Redeem authorization codes and refresh tokens with raw SQL."""
