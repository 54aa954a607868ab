"""Used client assertions, stored so that none can be used twice (RFC 7523 §3, `jti`)."""
