"""The Model Context Protocol as bytes: JSON-RPC in, JSON-RPC out, both eras on one endpoint.

`handshake` speaks the revisions 2025-03-26 to 2025-11-25, `modern` speaks 2026-07-28; each shows
its methods in one table. Neither keeps anything between two requests.
"""
