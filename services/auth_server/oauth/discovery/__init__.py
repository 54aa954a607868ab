"""Discovery: RFC 8414 and OpenID metadata, generated from what the code can do, and the JWKS."""
