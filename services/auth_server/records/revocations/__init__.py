"""Revocations, written in the transaction that causes them."""
