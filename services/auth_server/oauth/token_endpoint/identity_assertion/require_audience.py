"""Refuse assertions for other servers."""

from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest


async def require_audience(checked: CheckedAssertion, request: TokenRequest) -> CheckedAssertion:
    """Require that `aud` is this issuer alone, as a string or as the only entry of a list.

    A list with another server would let that server use the assertion here.

    Raises:
        InvalidGrant: `aud` is something else.
    """
    issuer = request.settings.issuer
    if checked.claims.get("aud") not in (issuer, [issuer]):
        raise refused("aud must be exactly the issuer of this server")
    # `iss` was read before the signature was verified.
    if checked.claims.get("iss") != checked.known_connector().settings.issuer:
        raise refused("iss must be the issuer of the provider")
    return checked
