"""Signing in with what the SaaS already has: each connector sends a browser away and reads it back.

A connector knows a protocol and nothing of sessions, people or the database: it answers what its
provider said, as `AssertedIdentity`.
"""
