"""Read, verify, rename and block clients, and replace the secrets of those that operators manage."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_requests.store import drop_authorization_requests
from auth_server.records.clients.store import (
    TooManySecrets,
    add_secret,
    drop_secrets,
    list_live_secrets,
    lock_client,
    search_clients,
)
from auth_server.records.clients.table import Client, ClientSecret
from auth_server.records.device_authorizations.table import DEVICE_CODE
from auth_server.records.grants.store import count_live_grants
from auth_server.revocations.revoke import outdate_tokens, revoke_grants
from auth_server.secrets import hash_secret

Source = Literal["managed", "dynamic", "document"]
SOURCES: tuple[Source, ...] = ("managed", "dynamic", "document")
SHOWN = 12
"""By how many digits of its hash a secret is named."""
LONGEST_NAME = 120


class SecretView(BaseModel):
    """A client's secret without the secret itself."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    beginning: str
    """The first digits of its hash, which name it."""
    created_at: datetime
    expires_at: datetime | None


class ClientView(BaseModel):
    """A client as the console and the admin API show it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    client_id: str
    name: str
    source: str
    """`managed` by operators, `dynamic` if it registered itself, or `document` if a URL describes
    it."""
    verified_at: datetime | None
    """When an operator verified a dynamic client. The others need no mark."""
    client_uri: str | None
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    token_endpoint_auth_method: str
    introspects: bool
    dpop_bound_access_tokens: bool
    """Whether it gets only tokens that are bound to its key, by DPoP."""
    tls_client_certificate_bound_access_tokens: bool
    """Whether it gets only tokens that are bound to its client certificate, where a proxy verifies it."""
    must_push: bool
    """Whether it must push its authorization requests (RFC 9126)."""
    has_own_tokens: bool
    """Whether it acts as itself in an organisation."""
    device: bool
    """Whether people connect it with a code that they type on another device."""
    grants: int
    """Live connections of people."""
    refreshed_at: datetime | None
    """About when it last refreshed a token; null if it was never seen to. An app that does not refresh needs
    long access tokens (`client_token_lifetimes`)."""
    created_at: datetime
    disabled_at: datetime | None


async def read_clients(
    db: DbSession,
    operator: ActingOperator,
    *,
    search: str = "",
    source: str = "",
    after: str = "",
    limit: int,
) -> Slice[ClientView]:
    """List clients by id, those whose id, name or redirect URIs contain `search`.

    Raises:
        Forbidden: `clients:read` is missing.
        Refused: the source does not exist.
    """
    operator.require("clients:read")
    if source and source not in SOURCES:
        raise Refused("source", f"must be one of {', '.join(SOURCES)}")
    rows = await search_clients(db, search, source=source, after=after, most=limit + 1)
    grants = await count_live_grants(db, [row.client_id for row in rows])
    views = [_view(row, grants.get(row.client_id, 0)) for row in rows]
    return cut(views, limit, place=lambda view: view.client_id)


async def read_client(db: DbSession, operator: ActingOperator, client_id: str) -> ClientView:
    """Show one client.

    Raises:
        Forbidden: `clients:read` is missing.
        NotFound: it does not exist.
    """
    operator.require("clients:read")
    return await view_client(db, await _require_client(db, client_id))


async def read_secrets(
    db: DbSession, operator: ActingOperator, client_id: str, *, now: datetime
) -> list[SecretView]:
    """List the live secrets of a client, the oldest first.

    Raises:
        Forbidden: `clients:read` is missing.
        NotFound: the client does not exist.
    """
    operator.require("clients:read")
    await _require_client(db, client_id)
    return [_secret(row) for row in await list_live_secrets(db, client_id, now=now)]


async def verify_client(
    db: DbSession, operator: ActingOperator, client_id: str, verified: bool, *, now: datetime
) -> ClientView:
    """Mark a client that registered itself as one whose name may be trusted, or remove the mark.

    The mark ends when the client changes its name, its redirect URIs or its keys.

    Raises:
        Forbidden: `clients:write` is missing.
        NotFound: the client does not exist.
        Refused: it is not a dynamic client.
    """
    operator.act(db, "clients:write")
    client = await _require_client(db, client_id)
    if client.source != "dynamic":
        raise Refused("client_id", "is not a dynamic client, so it needs no mark")
    if verified != (client.verified_at is not None):
        client.verified_at = now if verified else None
        await _record_change(db, client_id, {"verified": verified}, now=now)
    return await view_client(db, client)


async def rename_client(
    db: DbSession, operator: ActingOperator, client_id: str, name: str, *, now: datetime
) -> ClientView:
    """Change the name that pages show for a client.

    Raises:
        Forbidden: `clients:write` is missing.
        NotFound: the client does not exist.
        Refused: the name is invalid, or comes from the client's document.
    """
    operator.act(db, "clients:write")
    client = await _require_client(db, client_id)
    if client.source == "document":
        raise Refused("name", "comes from the client's document, and is read again from there")
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise Refused("name", f"must be 1 to {LONGEST_NAME} printable characters")
    if name != client.name:
        before, client.name = client.name, name
        await _record_change(db, client_id, {"name": name, "before": before}, now=now)
    return await view_client(db, client)


async def block_client(
    db: DbSession,
    operator: ActingOperator,
    client_id: str,
    blocked: bool,
    *,
    lifetime: timedelta,
    now: datetime,
) -> ClientView:
    """End every connection and token of a client and refuse it, or allow it again.

    People have to connect a client again that is allowed again.

    Args:
        db: the open transaction.
        operator: who does it.
        client_id: the client.
        blocked: whether it is refused.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `clients:write` is missing.
        NotFound: the client does not exist.
    """
    operator.act(db, "clients:write")
    client = await _require_client(db, client_id)
    if blocked == (client.disabled_at is not None):
        return await view_client(db, client)
    detail: dict[str, str | int | bool | list[str]] = {"disabled": blocked}
    if blocked:
        # Grants are locked before anything else changes, as wherever several of them end.
        detail["grants_ended"] = await revoke_grants(
            db, "an operator blocked the app", lifetime=lifetime, now=now, client_id=client_id
        )
        await drop_authorization_requests(db, client_id)
        await outdate_tokens(db, "client", client_id, lifetime=lifetime, now=now)
    client.disabled_at = now if blocked else None
    await _record_change(db, client_id, detail, now=now)
    return await view_client(db, client)


async def add_client_secret(
    db: DbSession,
    operator: ActingOperator,
    client_id: str,
    *,
    secret: str,
    lifetime: timedelta | None,
    now: datetime,
) -> SecretView:
    """Add a second secret to a managed client; both are valid until one is deleted.

    Raises:
        Forbidden: `clients:write` is missing.
        NotFound: the client does not exist.
        Refused: it is blocked, uses no secret, or has two.
    """
    operator.act(db, "clients:write")
    client = await _require_client(db, client_id)
    if client.disabled_at is not None or not _has_secrets(client):
        raise Refused("client_id", f"{client_id} is not an active client that uses a secret")
    row = ClientSecret(
        client_id=client_id,
        secret_hash=hash_secret(secret),
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    try:
        await add_secret(db, row)
    except TooManySecrets:
        raise Refused("client_id", f"{client_id} has two secrets; delete one first") from None
    await record(db, Audit("client.secret_added", client_id=client_id), now=now)
    return _secret(row)


async def drop_client_secret(
    db: DbSession, operator: ActingOperator, client_id: str, beginning: str, *, now: datetime
) -> None:
    """Delete the secret whose hash begins with `beginning`.

    Raises:
        Forbidden: `clients:write` is missing.
        NotFound: the client does not have this secret.
    """
    operator.act(db, "clients:write")
    if len(beginning) < SHOWN or not await drop_secrets(db, client_id, beginning=beginning):
        raise NotFound(f"{client_id} does not have a secret {beginning}")
    await record(db, Audit("client.secret_dropped", client_id=client_id), now=now)


def _has_secrets(client: Client) -> bool:
    by_secret = client.token_endpoint_auth_method.startswith("client_secret")
    return client.source == "managed" and by_secret


async def _require_client(db: DbSession, client_id: str) -> Client:
    client = await lock_client(db, client_id)
    if client is None:
        raise NotFound(f"the client {client_id[:200]} does not exist")
    return client


async def _record_change(
    db: DbSession,
    client_id: str,
    detail: dict[str, str | int | bool | list[str]],
    *,
    now: datetime,
) -> None:
    await db.flush()
    await record(db, Audit("client.changed", client_id=client_id, detail=detail), now=now)


async def view_client(db: DbSession, client: Client) -> ClientView:
    """Describe a client."""
    grants = await count_live_grants(db, [client.client_id])
    return _view(client, grants.get(client.client_id, 0))


def _secret(row: ClientSecret) -> SecretView:
    return SecretView(
        beginning=row.secret_hash[:SHOWN], created_at=row.created_at, expires_at=row.expires_at
    )


def _view(row: Client, grants: int) -> ClientView:
    return ClientView(
        client_id=row.client_id,
        name=row.name,
        source=row.source,
        verified_at=row.verified_at,
        client_uri=row.client_uri,
        redirect_uris=tuple(row.redirect_uris),
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        token_endpoint_auth_method=row.token_endpoint_auth_method,
        introspects=row.introspects,
        dpop_bound_access_tokens=row.dpop_bound_access_tokens,
        tls_client_certificate_bound_access_tokens=row.tls_client_certificate_bound_access_tokens,
        must_push=row.must_push,
        has_own_tokens="client_credentials" in row.grant_types,
        device=DEVICE_CODE in row.grant_types,
        grants=grants,
        refreshed_at=row.refreshed_at,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
