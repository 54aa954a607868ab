"""Identifiers as Orbit writes them: a kind, an underscore, something unguessable."""

import secrets


def new_id(kind: str) -> str:
    """Make an identifier such as `tsk_5f3a09c1d2e4b687`."""
    return f"{kind}_{secrets.token_hex(8)}"
