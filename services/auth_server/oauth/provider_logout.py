"""POST /provider-logout/{name}: a customer's provider tells that a person's sessions there ended."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.connectors.oidc import OidcConnector
from auth_server.connectors.port import Connector, SignInRefused
from auth_server.connectors.signed import LEEWAY, read_time
from auth_server.db.engine import DbSession
from auth_server.errors import InvalidRequest, TemporarilyUnavailable
from auth_server.records.audit.store import Audit, record
from auth_server.records.client_assertions.store import use_assertion
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.store import find_identity
from auth_server.records.people.table import Identity
from auth_server.records.sessions.store import end_session, list_sessions
from auth_server.records.sessions.table import provider_of
from auth_server.records.tenant_providers.store import find_assignment
from auth_server.records.tenants.store import lock_tenant
from auth_server.revocations.revoke import revoke_grant
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Settings, Transaction, part
from auth_server.web.forms import read_form, reject_repeats
from auth_server.web.routing import MachineRouter

router = MachineRouter()
Connectors = Annotated[Mapping[str, Connector], Depends(part(lambda runtime: runtime.connectors))]
EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST = timedelta(minutes=5)


@router.post("/provider-logout/{name}")
async def end_at_provider(
    request: Request,
    name: str,
    connectors: Connectors,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
) -> Response:
    """End what a customer's provider began for a person (OpenID Connect Back-Channel Logout §2.5).

    That is their sessions from the provider, and the apps that it connected for them. Assertions from
    before count no more. What the person approved themselves stays.
    """
    form = await read_form(request)
    reject_repeats(form)
    connector = connectors.get(name)
    if not isinstance(connector, OidcConnector) or not connector.settings.customer:
        raise InvalidRequest("this URL belongs to no customer's identity provider")
    token, at = form.require("logout_token"), now()
    try:
        claims = await connector.read_statement(token, token_type=None)
        subject, jti, issued_at = _require_claims(claims, connector, at.timestamp())
    except SignInRefused as error:
        if error.told == "unavailable":
            raise TemporarilyUnavailable(
                "the provider's keys can't be read now; try again", detail=str(error)
            ) from None
        raise InvalidRequest("logout_token is not accepted", detail=str(error)) from None
    issuer = connector.settings.issuer
    async with transaction() as db:
        if not await use_assertion(db, issuer, jti=jti, expires_at=at + 3 * _LONGEST):
            raise InvalidRequest("logout_token was used before")
        # An assertion from before comes wholly before this, or is refused.
        assignment = await find_assignment(db, name)
        if assignment is not None:
            await lock_tenant(db, assignment.tenant_id)
        identity = await find_identity(db, issuer, subject)
        if identity is not None:
            await _end(db, identity, name, settings, now=at)
            # By the provider's clock, as the `iat` of the assertions.
            identity.ended_at = max(at, issued_at)
            await db.flush()
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


def _require_claims(
    claims: Mapping[str, Any], connector: OidcConnector, moment: float
) -> tuple[str, str, datetime]:
    """Validate a logout token (§2.6); return its `sub`, `jti` and `iat`.

    It must name a person, since sessions are not known by the provider's `sid` here.
    """
    settings, named = connector.settings, claims.get("aud")
    if claims.get("iss") != settings.issuer:
        raise SignInRefused("iss is not the configured issuer")
    if settings.client_id not in (named if isinstance(named, list) else [named]):
        raise SignInRefused("aud does not name this server")
    events = claims.get("events")
    # Without this member, any ID token would be a logout token.
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise SignInRefused("events does not contain the logout event")
    if "nonce" in claims:
        raise SignInRefused("a logout token has no nonce")
    issued = read_time(claims, "iat")
    if abs(moment - issued) > (_LONGEST + LEEWAY).total_seconds():
        raise SignInRefused("iat is not of the last five minutes")
    found = []
    for name in ("sub", "jti"):
        value = claims.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= 255 or not value.isprintable():
            raise SignInRefused(f"{name} must be a string")
        found.append(value)
    return found[0], found[1], datetime.fromtimestamp(issued, UTC)


async def _end(
    db: DbSession, identity: Identity, name: str, settings: AuthServerSettings, *, now: datetime
) -> None:
    grants = await list_live_grants(db, person_id=identity.person_id, lock=True)
    made = [one.grant_id for one in grants if one.by_tenant and one.provider == name]
    for grant_id in made:
        lifetime = settings.longest_token_lifetime
        await revoke_grant(db, grant_id, "ended at the provider", lifetime=lifetime, now=now)
    idle = settings.session_idle_lifetime
    sessions = await list_sessions(db, identity.person_id, now=now, idle=idle)
    ended = [one for one in sessions if provider_of(one.method) == name]
    for session in ended:
        await end_session(db, session.session_hash, now=now)
    if ended:
        detail: dict[str, str | int | bool | list[str]] = {
            "sessions": len(ended),
            "provider": name,
        }
        entry = Audit("session.ended", person_id=identity.person_id, detail=detail)
        await record(db, entry, now=now)
