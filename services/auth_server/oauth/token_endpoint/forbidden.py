"""Revoke the grants of clients that the tenant no longer allows."""

from auth_server.entitlements.grant import ClientForbidden
from auth_server.oauth.token_endpoint.request import Refused, TokenRequest
from auth_server.redemptions.facts import GrantFacts
from auth_server.revocations.revoke import revoke_grant


async def end_forbidden(
    request: TokenRequest, grant: GrantFacts | None, error: ClientForbidden
) -> Refused:
    """Revoke a grant that the tenant's policy forbids, with everything issued from it."""
    if grant is not None:
        lifetime = request.settings.longest_token_lifetime
        async with request.transaction() as db:
            await revoke_grant(
                db,
                grant.grant_id,
                "not allowed by the tenant",
                lifetime=lifetime,
                now=request.now,
            )
    return Refused(error)
