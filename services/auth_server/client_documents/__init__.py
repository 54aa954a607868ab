"""Clients whose client_id is the URL of a document that describes them.

OAuth Client ID Metadata Document, in the profile of MCP 2026-07-28 (client registration).
"""
