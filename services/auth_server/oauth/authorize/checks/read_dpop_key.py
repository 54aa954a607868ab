"""Read the key to which a client binds its authorization code."""

import re
from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


async def read_dpop_key(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Read `dpop_jkt`: only a DPoP proof of this key redeems the code (RFC 9449 §10)."""
    thumbprint = request.parameters.get("dpop_jkt")
    if thumbprint is not None and not _THUMBPRINT.fullmatch(thumbprint):
        raise InvalidRequest("dpop_jkt must be the SHA-256 thumbprint of a JWK, 43 characters")
    return replace(request, dpop_jkt=thumbprint)
