"""Proofs that a caller holds the key to which a token is bound: DPoP (RFC 9449), certificates (RFC 8705)."""
