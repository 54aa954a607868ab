"""The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9728 §5.1; MCP authorization, 2026-07-28)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# Existing clients search the whole header for `name="…"`, even inside a description.
_UNSAFE = re.compile(r"[^A-Za-z0-9 .,:;'@_/()-]+")


@dataclass(frozen=True, slots=True)
class Challenge:
    """Tells a client where to get a token, and which scopes to request."""

    resource_metadata: str
    start_scope: Callable[[], str]
    """Returns the scopes for a first request."""

    def header(
        self, *, error: str | None = None, description: str | None = None, scope: str | None = None
    ) -> bytes:
        """Return the header's value; it has no `error` if no token was sent (RFC 6750 §3.1)."""
        parts = [
            f'resource_metadata="{self.resource_metadata}"',
            f'scope="{scope or self.start_scope()}"',
        ]
        if error is not None:
            parts.insert(0, f'error="{error}"')
        if description is not None:
            parts.append(f'error_description="{_UNSAFE.sub(" ", description)}"')
        return ("Bearer " + ", ".join(parts)).encode("ascii")
