"""Ceilings: the most that an operator allows a service client, which acts without a person."""
