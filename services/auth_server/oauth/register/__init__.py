"""Dynamic client registration: POST /register (RFC 7591), and its management (RFC 7592)."""
