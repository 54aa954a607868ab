"""Redeeming authorization codes and refresh tokens, each by one SQL statement."""
