"""Orbit's identifiers: a kind, an underscore and an unguessable part."""

import secrets


def new_id(kind: str) -> str:
    """Create an identifier such as `tsk_5f3a09c1d2e4b687`."""
    return f"{kind}_{secrets.token_hex(8)}"
