"""Grants: what one person allowed one client on one resource in one tenant."""
