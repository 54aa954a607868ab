"""The HTTP API for operators' programs, below `/admin/v1`."""
