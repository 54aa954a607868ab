"""Calls that wait for the approval of an admin of their tenant."""
