"""Recoveries of lost second factors, which wait before they take effect."""
