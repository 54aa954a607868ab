"""Revocations, each written in the transaction that causes it."""
