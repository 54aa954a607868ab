"""The access token's claims, which the authorization server signs and the gateway reads.

This is the contract between the two services (RFC 9068 profile, header `typ: at+jwt`, ES256).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatepost.allowed_tools import MalformedAllowedTools, parse_allowed_tools
from gatepost.data_scope import DataScope, MalformedDataScope, parse_data_scope
from gatepost.scopes import MalformedScope, format_scope, parse_scope

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068 §2.1), not a secret
ALGORITHM = "ES256"


class MalformedClaims(ValueError):
    """A claim is missing or has the wrong type; the message names the claim, never its value."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The caller, the tenant and the permissions of a token. Times are Unix seconds."""

    iss: str
    aud: str
    sub: str
    client_id: str
    jti: str
    iat: int
    exp: int
    scopes: frozenset[str]
    tenant_id: str
    allowed_tools: frozenset[str]
    data_scope: DataScope
    rate_limit_tier: str
    grant_id: str
    grant_version: int
    env: str

    def to_json(self) -> dict[str, Any]:
        """Write the claims as the token's payload."""
        return {
            "iss": self.iss,
            "aud": self.aud,
            "sub": self.sub,
            "client_id": self.client_id,
            "jti": self.jti,
            "iat": self.iat,
            "exp": self.exp,
            "scope": format_scope(self.scopes),
            "tenant_id": self.tenant_id,
            "allowed_tools": sorted(self.allowed_tools),
            "data_scope": str(self.data_scope),
            "rate_limit_tier": self.rate_limit_tier,
            "grant_id": self.grant_id,
            "grant_version": self.grant_version,
            "env": self.env,
        }


def parse_claims(payload: Mapping[str, Any]) -> AccessClaims:
    """Read a verified token's payload strictly: every claim must be present and have its type.

    The verifier compares issuer, audience and time; this function does not.

    Raises:
        MalformedClaims: the message names the first claim that is missing or has another type.
    """

    def text(name: str, *, empty: bool = False, longest: int = 2048) -> str:
        value = payload.get(name)
        if not isinstance(value, str) or not (value or empty) or len(value) > longest:
            raise MalformedClaims(f"claim {name} is missing, too long or not a string")
        return value

    def whole(name: str) -> int:
        value = payload.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
            raise MalformedClaims(f"claim {name} is missing or not a whole number")
        return value

    try:
        return AccessClaims(
            iss=text("iss"),
            aud=text("aud"),
            sub=text("sub"),
            client_id=text("client_id"),
            jti=text("jti"),
            iat=whole("iat"),
            exp=whole("exp"),
            scopes=parse_scope(text("scope", empty=True)),
            tenant_id=text("tenant_id", empty=True),
            allowed_tools=parse_allowed_tools(payload.get("allowed_tools")),
            data_scope=parse_data_scope(text("data_scope", empty=True, longest=4096)),
            rate_limit_tier=text("rate_limit_tier", empty=True),
            grant_id=text("grant_id", empty=True),
            grant_version=whole("grant_version"),
            env=text("env"),
        )
    except (MalformedScope, MalformedAllowedTools, MalformedDataScope) as error:
        raise MalformedClaims(str(error)) from error
