"""The protected resource's metadata document (RFC 9728 §2)."""

from collections.abc import Mapping
from typing import Any

from gatepost.proofs.dpop import ALGORITHMS

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def describe_resource(
    *, resource: str, issuer: str, scope: str, name: str, certificates: bool
) -> Mapping[str, Any]:
    """Return the metadata document, with every scope that the tools need.

    Tokens may be bound to a key, and with `certificates` to a client certificate.
    `resource` and `issuer` are exactly as configured: clients compare them byte by byte.
    """
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": scope.split(),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        **({"tls_client_certificate_bound_access_tokens": True} if certificates else {}),
        "resource_name": name,
    }
