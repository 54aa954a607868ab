"""The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9728 §5.1; MCP authorization, 2026-07-28)."""

import re
from dataclasses import dataclass

# Clients in the field look for `name="…"` anywhere in the header, also inside a description.
_UNSAFE = re.compile(r"[^A-Za-z0-9 .,:;'@_/()-]+")


@dataclass(frozen=True, slots=True)
class Challenge:
    """Where to learn how to get a token, and which scopes to ask for."""

    resource_metadata: str
    scope: str

    def header(
        self, *, error: str | None = None, description: str | None = None, scope: str | None = None
    ) -> bytes:
        """Write the header's value; without `error` where no token was sent (RFC 6750 §3.1)."""
        parts = [f'resource_metadata="{self.resource_metadata}"', f'scope="{scope or self.scope}"']
        if error is not None:
            parts.insert(0, f'error="{error}"')
        if description is not None:
            parts.append(f'error_description="{_UNSAFE.sub(" ", description)}"')
        return ("Bearer " + ", ".join(parts)).encode("ascii")
