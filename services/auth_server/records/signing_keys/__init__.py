"""Signing keys, stored encrypted and published as a JWKS: `next → active → retiring → retired`."""
