"""The protected resource's metadata document (RFC 9728 §2)."""

from collections.abc import Mapping
from typing import Any

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def describe_resource(*, resource: str, issuer: str, scope: str, name: str) -> Mapping[str, Any]:
    """Return the metadata document, with every scope that the tools need.

    `resource` and `issuer` are exactly as configured: clients compare them byte by byte.
    """
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": scope.split(),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    }
