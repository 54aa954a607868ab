"""POST /introspect."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.db.engine import DbSession
from auth_server.errors import InvalidClient
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.grants.store import find_grant
from auth_server.records.refresh_tokens.store import find_refresh_token
from auth_server.records.revocations.store import list_by_names
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.tokens.access_token import token_type_of
from auth_server.tokens.read_access_token import read_access_token
from auth_server.web.dependencies import Clock, ReadingDb, Settings
from auth_server.web.forms import read_form, reject_repeats
from auth_server.web.routing import MachineRouter
from gatepost.revocations import RevocationList, names_of
from gatepost.scopes import format_scope, narrow_scopes, parse_scope

router = MachineRouter()

INACTIVE: Mapping[str, Any] = {"active": False}


@router.post("/introspect")
async def introspect_token(
    request: Request, db: ReadingDb, authenticator: Authenticator, settings: Settings, now: Clock
) -> Response:
    """Return whether a token is active, with its claims (RFC 7662 §2).

    A gateway may introspect access tokens for its own resource and the addresses there, and a managed client with
    `introspects` every token. All other requests get the same `active: false`, which reveals
    nothing (§2.2) and counts as a wrong guess.
    """
    # 1. Parse the form.
    form = await read_form(request)
    reject_repeats(form)
    # 2. Authenticate the client; public clients are refused (§2.1).
    client = await authenticator.authenticate(form, request)
    if client.token_endpoint_auth_method == "none":  # noqa: S105 - the method's name
        raise InvalidClient("a client without credentials may not introspect tokens")
    token = form.require("token")
    # 3. Describe the token, if it is active and the client may introspect it.
    answer: Mapping[str, Any] | None = None
    if client.source == "gateway" or _may_ask_about_all(client):
        answer = await _describe_access_token(token, client, db, settings, now())
    if answer is None and _may_ask_about_all(client):
        answer = await _describe_refresh_token(token, db, issuer=settings.issuer, now=now())
    if answer is None:
        authenticator.count_wrong_guess(client, request)
    return JSONResponse(answer or INACTIVE, headers={"Cache-Control": "no-store"})


def _may_ask_about_all(client: ClientFacts) -> bool:
    return client.source == "managed" and client.introspects


async def _describe_access_token(
    token: str, client: ClientFacts, db: DbSession, settings: AuthServerSettings, now: datetime
) -> Mapping[str, Any] | None:
    read = await read_access_token(db, token, issuer=settings.issuer, now=now)
    if read is None:
        return None
    address = settings.find_address(read.claims.aud)
    if client.source == "gateway" and (
        address is None or address.entry.resource != client.client_id
    ):
        return None
    names = names_of(read.claims, read.kid)
    revoked = RevocationList(await list_by_names(db, names, now=now))
    if revoked.is_revoked(read.claims, read.kid):
        return None
    token_type = token_type_of(read.claims.confirmation)
    return {"active": True, "token_type": token_type, **read.claims.to_json()}


async def _describe_refresh_token(
    token: str, db: DbSession, *, issuer: str, now: datetime
) -> Mapping[str, Any] | None:
    row = await find_refresh_token(db, hash_secret(token))
    if row is None or row.revoked_at is not None or row.first_used_at is not None:
        return None
    grant = await find_grant(db, row.grant_id)
    if grant is None:
        return None
    expires_at = min(row.idle_expires_at, row.absolute_expires_at, grant.expires_at)
    if now >= expires_at:
        return None
    # The token has the requested scopes, the grant the allowed ones.
    scopes = narrow_scopes(parse_scope(row.scope), parse_scope(grant.scope))
    return {
        "active": True,
        "iss": issuer,
        "client_id": row.client_id,
        "sub": grant.person_id,
        "scope": format_scope(scopes),
        "aud": row.resource,
        "exp": int(expires_at.timestamp()),
        "tenant_id": grant.tenant_id,
        "grant_id": grant.grant_id,
    }
