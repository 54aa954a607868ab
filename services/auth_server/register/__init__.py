"""Dynamic client registration: POST /register (RFC 7591)."""
