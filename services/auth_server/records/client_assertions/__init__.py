"""Client assertions that were used, so that none is used twice (RFC 7523 §3, `jti`)."""
