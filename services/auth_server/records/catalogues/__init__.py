"""Versions of gateways' catalogues that a person may have been shown."""
