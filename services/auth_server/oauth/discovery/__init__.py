"""Discovery: RFC 8414 and OpenID metadata, generated from the code's own lists, and the JWKS."""
