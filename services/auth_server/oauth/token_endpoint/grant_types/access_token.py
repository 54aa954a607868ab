"""Access tokens as subject tokens: a client hands a part of what it may do to a sub-agent."""

from auth_server.oauth.token_endpoint.delegation import CHECKS
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.delegation.keep import keep_delegation
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from gatepost.api_keys import ACCESS_TOKEN_TYPE


async def delegate(request: TokenRequest) -> Proven | Refused:
    """Give a sub-agent a token below the client's own (RFC 8693 §1.1, delegation).

    It never allows more, lasts longer or outlives the end of the token above it, and there is no
    refresh token. Every invalid token gets `invalid_request` (§2.2.2).
    """
    checked = CheckedDelegation()
    for check in CHECKS:
        checked = await check(checked, request)
    async with request.transaction() as db:
        delegation = await keep_delegation(db, checked, request)
    return Proven(
        checked.known_entitlement(),
        offline=False,
        refresh_token=None,
        family_id=delegation.path,
        issued_token_type=ACCESS_TOKEN_TYPE,
    )
