"""Find credentials that an API requires but nobody configured, before the first 401."""

from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.http_client.port import ASSERTION_HEADER
from mcp_gateway.upstream.credentials.location import CredentialLocation


def unmet_schemes(catalogue: Catalogue, api: Api) -> list[str]:
    """Return the security schemes that some tool of an API requires and no credential meets."""
    sent = {ASSERTION_HEADER.lower(), *(name.lower() for name, _ in api.headers)}
    met = set(api.credentials) | {
        name
        for name, scheme in catalogue.schemes_of(api.name).items()
        if CredentialLocation.of_scheme(scheme).header.lower() in sent
    }
    unmet: set[str] = set()
    for tool in catalogue.tools_of(api.name):
        alternatives = tool.operation.security
        if not tool.credentials and not any(
            met.issuperset(alternative) for alternative in alternatives
        ):
            unmet.update(name for alternative in alternatives for name in alternative)
    return sorted(unmet - met)
