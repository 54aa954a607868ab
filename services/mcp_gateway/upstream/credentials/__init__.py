"""Credentials for the upstream: their sources, and their locations in a request."""
