"""Clients: the programs that ask for access (RFC 6749 §2), and their redirect URIs."""
