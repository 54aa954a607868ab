"""Require the id by which a second use of an assertion is detected."""

from dataclasses import replace

from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest

_LONGEST = 255


async def require_id(checked: CheckedAssertion, _: TokenRequest) -> CheckedAssertion:
    """Require `jti`, which MCP makes mandatory for this grant (§7.4.2).

    Raises:
        InvalidGrant: it is missing or malformed.
    """
    jti = checked.text_of("jti")
    if len(jti) > _LONGEST:
        raise refused(f"jti must have at most {_LONGEST} characters")
    return replace(checked, jti=jti)
