"""Find credentials that an API requires but nobody configured, before the first 401."""

from collections.abc import Collection

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.http_client.port import ASSERTION_HEADER
from mcp_gateway.upstream.credentials.location import CredentialLocation


def unmet_schemes(
    catalogue: Catalogue, configured: Collection[str], headers: Collection[str]
) -> list[str]:
    """Return the security schemes that some tool requires and no credential meets.

    Args:
        catalogue: the tools, and the schemes that their document describes.
        configured: the names of the credentials.
        headers: names of headers that are sent with every request, in addition to the assertion.
    """
    sent = {ASSERTION_HEADER.lower(), *(name.lower() for name in headers)}
    met = set(configured) | {
        name
        for name, scheme in catalogue.schemes.items()
        if CredentialLocation.of_scheme(scheme).header.lower() in sent
    }
    unmet: set[str] = set()
    for tool in catalogue.tools.values():
        alternatives = tool.operation.security
        if not tool.credentials and not any(
            met.issuperset(alternative) for alternative in alternatives
        ):
            unmet.update(name for alternative in alternatives for name in alternative)
    return sorted(unmet - met)
