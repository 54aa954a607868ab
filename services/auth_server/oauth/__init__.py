"""The OAuth endpoints, which programs call."""
