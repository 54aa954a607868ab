"""Require PKCE with S256 from every client."""

import re
from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


async def require_pkce(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Refuse a request without an S256 challenge (OAuth 2.1 §4.1.1, RFC 7636 §4.3)."""
    challenge = request.parameters.get("code_challenge")
    if challenge is None:
        raise InvalidRequest("code_challenge is missing; PKCE is required")
    if request.parameters.get("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge must be the 43 characters of an S256 challenge")
    return replace(request, code_challenge=challenge)
