"""GET, PUT and DELETE /register/{client_id}: a client manages its own registration (RFC 7592)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from auth_server.db.engine import DbSession
from auth_server.errors import InvalidClientMetadata, InvalidToken
from auth_server.oauth.register.document import (
    BOUND_TOKENS,
    Document,
    Metadata,
    columns_of,
    describe_client,
)
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_requests.store import drop_authorization_requests
from auth_server.records.clients.store import (
    add_secret,
    disable_client,
    drop_secrets,
    find_dynamic_client,
    list_live_secrets,
)
from auth_server.records.clients.table import Client, ClientSecret
from auth_server.revocations.revoke import revoke_grants
from auth_server.secrets import NewSecret, hash_secret, matches
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings
from auth_server.web.routing import MachineRouter

router = MachineRouter(any_origin=True)
_PATH = "/register/{client_id}"
# The metadata that people saw when they approved the client, or with which it authenticates.
_TRUSTED = (
    "name",
    "redirect_uris",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
    *BOUND_TOKENS,
)
_OURS = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


@router.get(_PATH)
async def read_registration(
    client_id: str, request: Request, db: ReadingDb, settings: Settings
) -> Response:
    """Return a client's registration (RFC 7592 §2.1), without its secret."""
    client, token = await _require_own(client_id, request, db)
    return _answer(client, token, settings.issuer)


@router.put(_PATH)
async def change_registration(
    client_id: str,
    request: Request,
    document: Document,
    metadata: Metadata,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Replace all of a client's metadata, by the rules of a registration (§2.2).

    If metadata changes that people relied on, the client's grants are revoked. Otherwise, anyone
    with a stolen registration token could pass for another app with the grants of this one.
    """
    client, token = await _require_own(client_id, request, db)
    await _require_nothing_of_ours(document, client, db, now())
    changes = {
        name: value
        for name, value in columns_of(metadata).items()
        if _differs(getattr(client, name), value)
    }
    for name, value in changes.items():
        setattr(client, name, value)
    secret = await _fit_secrets(client, db, now(), new_secret)
    ended = 0
    if not changes.keys().isdisjoint(_TRUSTED):
        client.verified_at = None
        ended = await _end_trust(
            client,
            "the app changed its registration",
            db,
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    changed = Audit(
        "client.changed",
        client_id=client_id,
        detail={"name": client.name, "changed": sorted(changes), "grants_ended": ended},
    )
    await record(db, changed, now=now())
    return _answer(client, token, settings.issuer, secret=secret)


@router.delete(_PATH)
async def delete_registration(
    client_id: str, request: Request, db: Db, settings: Settings, clock: Clock
) -> Response:
    """Disable a client and revoke its grants (§2.3); its row is deleted later."""
    client, _ = await _require_own(client_id, request, db)
    now = clock()
    ended = await _end_trust(
        client,
        "the app ended its registration",
        db,
        lifetime=settings.longest_token_lifetime,
        now=now,
    )
    await drop_secrets(db, client_id)
    await disable_client(db, client_id, now=now)
    deleted = Audit(
        "client.deleted",
        client_id=client_id,
        detail={"name": client.name, "grants_ended": ended},
    )
    await record(db, deleted, now=now)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


async def _require_own(client_id: str, request: Request, db: DbSession) -> tuple[Client, str]:
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    client = await find_dynamic_client(db, client_id)
    expected = (client.registration_token_hash if client is not None else None) or ""
    right = matches(expected, hash_secret(token.strip()))
    if client is None or scheme.lower() != "bearer" or not right:
        # The same response for an unknown client, a wrong token and a missing one (RFC 7592 §2).
        raise InvalidToken("the registration access token does not belong to this client")
    return client, token.strip()


async def _require_nothing_of_ours(
    document: Mapping[str, Any], client: Client, db: DbSession, now: datetime
) -> None:
    if document.get("client_id") != client.client_id:
        raise InvalidClientMetadata("client_id must not change")
    for name in _OURS:
        if name in document:
            raise InvalidClientMetadata(f"{name} is set by the server; leave it out")
    if "client_secret" not in document:
        return
    given = document["client_secret"]
    hashed = hash_secret(given) if isinstance(given, str) and given.isprintable() else ""
    live = await list_live_secrets(db, client.client_id, now=now)
    if not any(matches(secret.secret_hash, hashed) for secret in live):
        raise InvalidClientMetadata("client_secret is set by the server; leave it out")


async def _fit_secrets(
    client: Client, db: DbSession, now: datetime, new_secret: NewSecret
) -> str | None:
    if not client.token_endpoint_auth_method.startswith("client_secret"):
        await drop_secrets(db, client.client_id)
        return None
    if await list_live_secrets(db, client.client_id, now=now):
        return None
    secret = new_secret()
    hashed = hash_secret(secret)
    await add_secret(
        db, ClientSecret(client_id=client.client_id, secret_hash=hashed, created_at=now)
    )
    return secret


async def _end_trust(
    client: Client, reason: str, db: DbSession, *, lifetime: timedelta, now: datetime
) -> int:
    # An open consent page shows the client's old metadata.
    await drop_authorization_requests(db, client.client_id)
    return await revoke_grants(
        db,
        reason,
        lifetime=lifetime,
        now=now,
        client_id=client.client_id,
    )


def _differs(known: object, given: object) -> bool:
    if isinstance(known, list) and isinstance(given, list):
        return sorted(known) != sorted(given)
    return known != given


def _answer(client: Client, token: str, issuer: str, *, secret: str | None = None) -> Response:
    answer = describe_client(client, issuer=issuer, registration_token=token, secret=secret)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})
