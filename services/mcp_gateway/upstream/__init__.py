"""The upstream REST API: writing its requests exactly, sending them, reading its answers."""
