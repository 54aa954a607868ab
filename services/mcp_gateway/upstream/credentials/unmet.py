"""What an API asks for and nobody configured: an operator should hear of it before its first 401."""

from collections.abc import Collection

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.http_client.port import ASSERTION_HEADER
from mcp_gateway.upstream.credentials.location import CredentialLocation


def unmet_schemes(
    catalogue: Catalogue, configured: Collection[str], headers: Collection[str]
) -> list[str]:
    """List the security schemes some tool can't do without and that nothing sent stands for.

    Args:
        catalogue: the tools, and the schemes that their document describes.
        configured: the names of the credentials.
        headers: names of headers that are sent with every request, beside the assertion.
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
        if not any(met.issuperset(alternative) for alternative in alternatives):
            unmet.update(name for alternative in alternatives for name in alternative)
    return sorted(unmet - met)
