"""The token exchange grant (RFC 8693): it exchanges another token for an access token."""

from collections.abc import Mapping

from auth_server.errors import InvalidRequest
from auth_server.oauth.token_endpoint.grant_types.access_token import delegate
from auth_server.oauth.token_endpoint.grant_types.api_key import exchange_api_key
from auth_server.oauth.token_endpoint.request import ProveGrant, Proven, Refused, TokenRequest
from gatepost.api_keys import ACCESS_TOKEN_TYPE, API_KEY_TYPE

SUBJECT_TOKEN_TYPES: Mapping[str, ProveGrant] = {
    ACCESS_TOKEN_TYPE: delegate,
    API_KEY_TYPE: exchange_api_key,
}


async def exchange_token(request: TokenRequest) -> Proven | Refused:
    """Choose the exchange by `subject_token_type`; it returns only access tokens (§2.1)."""
    form = request.form
    exchange = SUBJECT_TOKEN_TYPES.get(form.require("subject_token_type"))
    if exchange is None:
        raise InvalidRequest(f"subject_token_type must be {' or '.join(SUBJECT_TOKEN_TYPES)}")
    if form.get("requested_token_type") not in {None, ACCESS_TOKEN_TYPE}:
        raise InvalidRequest(f"requested_token_type must be {ACCESS_TOKEN_TYPE}")
    return await exchange(request)
