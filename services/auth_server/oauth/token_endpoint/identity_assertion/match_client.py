"""Refuse assertions for other clients."""

from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest


async def match_client(checked: CheckedAssertion, request: TokenRequest) -> CheckedAssertion:
    """Require that `client_id` is the client that sends the request (§5.1).

    Raises:
        InvalidGrant: it is another one.
    """
    if checked.text_of("client_id") != request.client.client_id:
        raise refused("client_id must be the client that sends it")
    return checked
