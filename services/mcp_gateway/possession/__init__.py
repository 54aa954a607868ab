"""Proofs that a caller has the key to which its token is bound."""
