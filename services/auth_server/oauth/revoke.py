"""POST /revoke."""

from datetime import datetime, timedelta

from fastapi import Request
from starlette.responses import Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.delegations.actors import holder_of
from auth_server.records.refresh_tokens.store import (
    find_newest_of_family,
    find_refresh_token,
)
from auth_server.revocations.revoke import end_access_token, end_family
from auth_server.secrets import hash_secret
from auth_server.tokens.read_access_token import read_access_token
from auth_server.tokens.refresh_token import read_family
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.forms import read_form, reject_repeats
from auth_server.web.routing import MachineRouter

router = MachineRouter(any_origin=True)


@router.post("/revoke")
async def revoke_token(
    request: Request, db: Db, authenticator: Authenticator, settings: Settings, now: Clock
) -> Response:
    """Revoke a token (RFC 7009 §2).

    Revoking a refresh token also revokes its family and the access tokens issued from it. Revoking an
    access token ends the sub-agents below it, and a sub-agent's ends its delegation. Any other token,
    even another client's, gets the same 200, which reveals nothing about it (§2.2).
    `token_type_hint` is ignored, because the two kinds of token look different.
    """
    # 1. Parse the form.
    form = await read_form(request)
    reject_repeats(form)
    # 2. Authenticate the client.
    client = await authenticator.authenticate(form, request)
    token = form.require("token")
    # 3. Find the token, and revoke it if it belongs to the client.
    if not await _end_refresh_token(
        token, client, db, lifetime=settings.longest_token_lifetime, now=now()
    ):
        await _end_access_token(token, client, db, issuer=settings.issuer, now=now())
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


async def _end_refresh_token(
    token: str, client: ClientFacts, db: DbSession, *, lifetime: timedelta, now: datetime
) -> bool:
    row = await find_refresh_token(db, hash_secret(token))
    if row is None and (family_id := read_family(token)):
        row = await find_newest_of_family(db, family_id)
    if row is None:
        return False
    if row.client_id == client.client_id and row.revoked_at is None:
        await end_family(db, row.family_id, lifetime=lifetime, now=now)
        ended = Audit("token.revoked", client_id=row.client_id, grant_id=row.grant_id)
        await record(db, ended, now=now)
    return True


async def _end_access_token(
    token: str, client: ClientFacts, db: DbSession, *, issuer: str, now: datetime
) -> None:
    read = await read_access_token(db, token, issuer=issuer, now=now)
    if read is not None and client.client_id in {read.claims.client_id, holder_of(read.claims)}:
        await end_access_token(db, read.claims, now=now)
