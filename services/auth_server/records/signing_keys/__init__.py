"""Signing keys: stored encrypted, published as a JWKS, `next → active → retiring → retired`."""
