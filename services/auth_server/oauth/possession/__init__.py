"""Proofs that a client has the key to which its tokens are, or will be, bound."""
