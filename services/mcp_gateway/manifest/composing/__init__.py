"""Composite tools, as the manifest declares them."""
