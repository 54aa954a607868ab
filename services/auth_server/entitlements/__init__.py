"""Entitlements: what a grant, an API key or a service client allows at this moment."""
