"""Invitations of people to become members of a tenant."""
