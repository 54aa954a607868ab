"""Refuse to exchange a token that is bound to a key without that key."""

from auth_server.errors import InvalidRequest
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.tokens.read_access_token import ReadToken


async def require_same_key(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Require the key of the subject token, to which the sub-agent's token is bound too.

    Otherwise a thief could exchange a bound token for one that is valid without the key (RFC 7800 §3.1).

    Raises:
        InvalidRequest: the token is bound to a key that this request does not prove.
    """
    require_key_of("subject_token", checked.known_subject(), request)
    return checked


def require_key_of(name: str, read: ReadToken, request: TokenRequest) -> None:
    """Require the key of a token that is bound to one, sent as the parameter `name`.

    Raises:
        InvalidRequest: this request does not prove possession of that key.
    """
    bound_to = read.claims.confirmation
    if bound_to is not None and bound_to != request.confirmation:
        raise InvalidRequest(
            f"{name} is bound to a key; send a DPoP proof of that key, or its client certificate"
        )
