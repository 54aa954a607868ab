"""Issue access tokens: RFC 9068 JWTs for one resource."""

from datetime import datetime, timedelta

from auth_server.entitlements.entitlement import Entitlement
from auth_server.tokens.signer import Signer
from gatepost.claims import BOUND_TOKEN_TYPE, TOKEN_TYPE, AccessClaims, Confirmation


def token_type_of(confirmation: Confirmation | None) -> str:
    """Return the `token_type` of a token (RFC 9449 §5; RFC 8705 does not change it)."""
    return "DPoP" if confirmation is not None and confirmation.method == "jkt" else "Bearer"


def issue_access_token(
    signer: Signer,
    entitlement: Entitlement,
    *,
    allowed_tools: frozenset[str],
    issuer: str,
    token_id: str,
    now: datetime,
    lifetime: timedelta,
    confirmation: Confirmation | None = None,
) -> str:
    """Sign an access token with the claims of an entitlement (RFC 9068 §2.2).

    Args:
        signer: the active key.
        entitlement: everything that the bearer may do.
        allowed_tools: the entitlement's tools, as written in the token.
        issuer: the `iss`.
        token_id: the `jti`.
        now: the time.
        lifetime: how long the token is valid.
        confirmation: the key that its user must prove to have, if any.
    """
    issued_at = int(now.timestamp())
    claims = AccessClaims(
        iss=issuer,
        aud=entitlement.resource,
        sub=entitlement.person_id,
        client_id=entitlement.client_id,
        jti=token_id,
        iat=issued_at,
        exp=issued_at + int(lifetime.total_seconds()),
        scopes=entitlement.scopes,
        tenant_id=entitlement.tenant_id,
        allowed_tools=allowed_tools,
        data_scope=entitlement.data_scope,
        rate_limit_tier=entitlement.rate_limit_tier,
        grant_id=entitlement.grant_id,
        grant_version=entitlement.grant_version,
        env=entitlement.env,
        confirmation=confirmation,
        approval=entitlement.approval,
        actors=entitlement.actors,
    )
    token_type = TOKEN_TYPE if confirmation is None else BOUND_TOKEN_TYPE
    return signer.sign(claims.to_json(), token_type=token_type)
