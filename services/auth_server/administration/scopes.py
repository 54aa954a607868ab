"""The scopes of operators and of admin tokens."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from auth_server.records.operators.table import Role

Area = Literal[
    "audit",
    "billing",
    "books",
    "calls",
    "clients",
    "components",
    "gateways",
    "keys",
    "operators",
    "people",
    "plans",
    "tenants",
    "usage",
    "webhooks",
]
"""The subject of a scope."""

READS = frozenset(f"{area}:read" for area in get_args(Area))
WRITES = frozenset(f"{area}:write" for area in get_args(Area))
SCOPES = READS | WRITES
"""Every scope: an area, a colon, and `read` or `write`."""
SCOPES_OF_ROLES: Mapping[Role, frozenset[str]] = {"operator": SCOPES, "viewer": READS}


class UnknownScope(ValueError):
    """A scope does not exist; the message names it and the ones that do."""


def require_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Check the scopes of a new token.

    Raises:
        UnknownScope: one does not exist, or none is given.
    """
    asked = frozenset(scopes)
    if unknown := sorted(asked - SCOPES):
        raise UnknownScope(
            f"{unknown[0]} is not a scope; the scopes are {', '.join(sorted(SCOPES))}"
        )
    if not asked:
        raise UnknownScope(f"name at least one of {', '.join(sorted(SCOPES))}")
    return asked
