"""POST /revoke."""

from datetime import datetime, timedelta

from fastapi import Request
from starlette.responses import Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.refresh_tokens.store import find_refresh_token
from auth_server.revocations.revoke import end_access_token, end_family
from auth_server.secrets import hash_secret
from auth_server.tokens.read_access_token import read_access_token
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.forms import read_form, reject_repeats
from auth_server.web.routing import MachineRouter

router = MachineRouter(any_origin=True)


@router.post("/revoke")
async def revoke_token(
    request: Request, db: Db, authenticator: Authenticator, settings: Settings, now: Clock
) -> Response:
    """End a token (RFC 7009 §2).

    A refresh token takes its family and the access tokens issued from it along; an access token
    ends alone. Whatever else the client sends, another's token too, gets the same 200: the answer
    tells nothing about it (§2.2). `token_type_hint` is not needed: the two kinds look different.
    """
    # 1. Parse the form, once.
    form = await read_form(request)
    reject_repeats(form)
    # 2. Authenticate the client.
    client = await authenticator.authenticate(form, request)
    token = form.require("token")
    # 3, 4, 5. Find what it is, whose, and end it.
    if not await _end_refresh_token(
        token, client, db, lifetime=settings.access_token_lifetime, now=now()
    ):
        await _end_access_token(token, client, db, issuer=settings.issuer, now=now())
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


async def _end_refresh_token(
    token: str, client: ClientFacts, db: DbSession, *, lifetime: timedelta, now: datetime
) -> bool:
    row = await find_refresh_token(db, hash_secret(token))
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
    if read is not None and read.claims.client_id == client.client_id:
        await end_access_token(db, read.claims, now=now)
