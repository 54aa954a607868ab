"""Refuse tokens that another client holds."""

from auth_server.errors import InvalidRequest
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.records.delegations.actors import MARK, holder_of


async def require_holder(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Require that the client of the token, or of its current actor, sends the request.

    Otherwise anybody who finds a token could exchange it (RFC 8693 §5).

    Raises:
        InvalidRequest: another client sends it.
    """
    client_id = request.client.client_id
    if holder_of(checked.claims) != client_id or MARK in client_id:
        raise InvalidRequest("subject_token was issued to another client")
    return checked
