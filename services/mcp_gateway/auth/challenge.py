"""The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9728 §5.1; MCP authorization, 2026-07-28).

Clients with a key are challenged by the scheme DPoP (RFC 9449 §7.1).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gatepost.claims import AccessClaims
from gatepost.network.organisation_address import organisation_prefix, tenant_of_address
from gatepost.proofs.dpop import ALGORITHMS

Scheme = Literal["Bearer", "DPoP"]
_ALGS = f'algs="{" ".join(ALGORITHMS)}"'
DPOP_TOO = f"DPoP {_ALGS}".encode("ascii")
"""The challenge that tells clients without a token that they may bind theirs to a key."""
# Existing clients search the whole header for `name="…"`, even inside a description.
_UNSAFE = re.compile(r"[^A-Za-z0-9 .,:;'@_/()-]+")


@dataclass(frozen=True, slots=True)
class Challenge:
    """Tells a client where to get a token, and which scopes to request."""

    resource: str
    resource_metadata: str
    """The URL of the metadata of the gateway's own resource."""
    start_scope: Callable[[], str]
    """Returns the scopes for a first request."""

    def organisation_of(self, audience: str) -> str:
        """Return the tenant id in an audience that is an organisation's address, or an empty string."""
        return tenant_of_address(self.resource, audience) or ""

    def header(
        self,
        scheme: Scheme = "Bearer",
        *,
        error: str | None = None,
        description: str | None = None,
        scope: str | None = None,
        organisation: str = "",
    ) -> bytes:
        """Return the header's value; it has no `error` if no token was sent (RFC 6750 §3.1).

        With an `organisation`, it names the metadata of the organisation's address.
        """
        metadata = self.resource_metadata
        if organisation:
            metadata = organisation_prefix(metadata) + organisation
        parts = [
            f'resource_metadata="{metadata}"',
            f'scope="{scope or self.start_scope()}"',
        ]
        if error is not None:
            parts.insert(0, f'error="{error}"')
        if description is not None:
            parts.append(f'error_description="{_UNSAFE.sub(" ", description)}"')
        if scheme == "DPoP":
            parts.append(_ALGS)
        return f"{scheme} {', '.join(parts)}".encode("ascii")


def scheme_of(caller: AccessClaims) -> Scheme:
    """Return the scheme with which a caller sends its token."""
    bound = caller.confirmation
    return "DPoP" if bound is not None and bound.method == "jkt" else "Bearer"
