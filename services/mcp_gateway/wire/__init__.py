"""The Model Context Protocol as JSON-RPC bytes, with both eras on one endpoint.

`handshake` serves the revisions 2025-03-26 to 2025-11-25, `modern` serves 2026-07-28; each has its
methods in one table. Neither stores anything between two requests.
"""
