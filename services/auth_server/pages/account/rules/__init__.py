"""The rules that an admin sets for the apps of their tenant."""
