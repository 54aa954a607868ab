"""Keep the `nonce` for the ID token, without interpreting it."""

from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from gatepost.scopes import OPENID

_LONGEST = 512


async def read_nonce(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Keep the `nonce` of a request for an ID token (OpenID Connect Core §3.1.2.1)."""
    nonce = request.parameters.get("nonce") if OPENID in request.scopes else None
    if nonce is not None and len(nonce) > _LONGEST:
        raise InvalidRequest(f"nonce is longer than {_LONGEST} characters")
    return replace(request, nonce=nonce)
