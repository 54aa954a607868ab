"""Find the provider that an assertion names."""

import base64
import binascii
import json
from dataclasses import replace
from typing import Any

from auth_server.connectors.oidc import OidcConnector
from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest

_LONGEST = 16 * 1024


async def find_issuer(checked: CheckedAssertion, request: TokenRequest) -> CheckedAssertion:
    """Select the customer's provider with this issuer, compared byte by byte (A149).

    Raises:
        InvalidGrant: the assertion is not a JWT, or no customer's provider has the issuer, or another
            provider in the settings has it too.
    """
    issuer = _read_claims(checked.text).get("iss")
    for name in request.settings.providers_with_own_issuer:
        connector = request.connectors.get(name)
        if (
            isinstance(connector, OidcConnector)
            and connector.settings.customer
            and connector.settings.issuer == issuer
        ):
            return replace(checked, connector=connector)
    raise refused("iss must be an identity provider that an organisation here connects apps with")


def _read_claims(text: str) -> dict[str, Any]:
    parts = text.split(".")
    if len(text) > _LONGEST:
        raise refused(
            f"must have at most {_LONGEST} characters; let the provider send fewer groups"
        )
    if len(parts) != 3 or not text.isascii():
        raise refused("must be a signed JWT in compact form")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise refused("must be a signed JWT in compact form")
    return claims
