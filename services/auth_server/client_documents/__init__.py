"""Clients that are known by a document of theirs: the client_id is the URL it is read from.

OAuth Client ID Metadata Document, in the profile of MCP 2026-07-28 (client registration).
"""
