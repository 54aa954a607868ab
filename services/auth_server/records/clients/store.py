"""The only SQL on clients."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, delete, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.clients.metadata import ClientMetadata
from auth_server.records.clients.table import LONGEST_CLIENT_ID, Client, ClientSecret

InUse = Callable[[Mapped[str]], ColumnElement[bool]]
"""Makes a condition on the client of an id."""
_BETWEEN_REFRESHES = timedelta(hours=1)
MOST_SECRETS = 2
"""A client has the secret in use and the one that replaces it."""


class TooManySecrets(Exception):
    """The client already has two live secrets; one must be removed first."""


async def find_client(db: DbSession, client_id: str) -> Client | None:
    """Look up a client that is not disabled."""
    if len(client_id) > LONGEST_CLIENT_ID:
        return None
    client = await db.get(Client, client_id)
    return client if client is not None and client.disabled_at is None else None


async def find_clients(db: DbSession, client_ids: Collection[str]) -> dict[str, Client]:
    """Look up clients that are not disabled, by their ids."""
    query = select(Client).where(
        col(Client.client_id).in_(set(client_ids)), col(Client.disabled_at).is_(None)
    )
    return {client.client_id: client for client in (await db.execute(query)).scalars()}


async def list_client_names(db: DbSession, client_ids: Collection[str]) -> dict[str, str]:
    """Look up the names of clients by their ids, including disabled clients."""
    query = select(Client.client_id, Client.name).where(col(Client.client_id).in_(set(client_ids)))
    return {client_id: name for client_id, name in (await db.execute(query)).all()}


async def find_dynamic_client(db: DbSession, client_id: str) -> Client | None:
    """Look up and lock a client that registered itself and is not disabled."""
    if len(client_id) > LONGEST_CLIENT_ID or not client_id.isprintable():
        return None
    query = select(Client).where(
        col(Client.client_id) == client_id,
        col(Client.source) == "dynamic",
        col(Client.disabled_at).is_(None),
    )
    # Locked, so that two changes at once don't mix.
    return (await db.execute(query.with_for_update(key_share=True))).scalar_one_or_none()


async def add_client(db: DbSession, client: Client) -> None:
    """Register a client."""
    db.add(client)
    await db.flush()


async def put_client(db: DbSession, client: Client) -> None:
    """Add a client, or replace the one with the same id, which stays disabled if it was."""
    known = await db.get(Client, client.client_id)
    if known is not None:
        client.disabled_at = known.disabled_at
    await db.merge(client)
    await db.flush()


async def put_document_client(
    db: DbSession, client_id: str, metadata: ClientMetadata, *, read_at: datetime
) -> Client | None:
    """Store the client that a document describes; None if an operator disabled the client.

    A managed client of the same id does not change, nor does one that another process read later.
    """
    known = await db.get(Client, client_id)
    if known is None or (
        known.source == "document"
        and known.disabled_at is None
        and (known.document_read_at is None or known.document_read_at < read_at)
    ):
        members: dict[str, Any] = {
            "name": metadata.name,
            "client_uri": metadata.client_uri,
            "redirect_uris": list(metadata.redirect_uris),
            "post_logout_redirect_uris": list(metadata.post_logout_redirect_uris),
            "grant_types": list(metadata.grant_types),
            "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
            "jwks": metadata.jwks,
            "jwks_uri": metadata.jwks_uri,
            "application_type": metadata.application_type,
            "dpop_bound_access_tokens": metadata.dpop_bound_access_tokens,
            "tls_client_certificate_bound_access_tokens": (
                metadata.tls_client_certificate_bound_access_tokens
            ),
            "must_push": metadata.must_push,
            "document_read_at": read_at,
        }
        # One statement, because two people may use a new client at the same moment.
        insert: Any = (
            postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
        )
        written = insert(Client).values(
            client_id=client_id, source="document", introspects=False, created_at=read_at, **members
        )
        await db.execute(
            written.on_conflict_do_update(
                index_elements=["client_id"],
                set_=members,
                where=(col(Client.source) == "document") & col(Client.disabled_at).is_(None),
            )
        )
        known = await db.get(Client, client_id, populate_existing=True)
    return known if known is not None and known.disabled_at is None else None


async def lock_client(db: DbSession, client_id: str) -> Client | None:
    """Look up and lock a client, including a disabled one."""
    if len(client_id) > LONGEST_CLIENT_ID or not client_id.isprintable():
        return None
    query = select(Client).where(col(Client.client_id) == client_id)
    return (await db.execute(query.with_for_update(key_share=True))).scalar_one_or_none()


async def search_clients(
    db: DbSession, search: str, *, source: str, after: str, most: int
) -> Sequence[Client]:
    """List some clients after an id, by id, if `search` is a part of their id, name or redirect URIs."""
    query = select(Client).where(col(Client.client_id) > after)
    if source:
        query = query.where(col(Client.source) == source)
    if search:
        query = query.where(
            or_(
                col(Client.client_id).icontains(search, autoescape=True),
                col(Client.name).icontains(search, autoescape=True),
                cast(col(Client.redirect_uris), String).icontains(search, autoescape=True),
            )
        )
    return (await db.execute(query.order_by(col(Client.client_id)).limit(most))).scalars().all()


async def list_live_secrets(
    db: DbSession, client_id: str, *, now: datetime
) -> Sequence[ClientSecret]:
    """List the secrets with which a client may authenticate now, oldest first."""
    query = (
        select(ClientSecret)
        .where(
            col(ClientSecret.client_id) == client_id,
            or_(col(ClientSecret.expires_at).is_(None), col(ClientSecret.expires_at) > now),
        )
        .order_by(col(ClientSecret.created_at), col(ClientSecret.secret_hash))
    )
    return (await db.execute(query)).scalars().all()


async def add_secret(db: DbSession, secret: ClientSecret) -> None:
    """Add a secret to a client, so that the one in use can be replaced without a pause.

    Raises:
        TooManySecrets: the client already has two live secrets.
    """
    client_id = secret.client_id
    # Locked, so that two calls at once can't add a third secret.
    await db.execute(
        select(Client.client_id)
        .where(col(Client.client_id) == client_id)
        .with_for_update(key_share=True)
    )
    if len(await list_live_secrets(db, client_id, now=secret.created_at)) >= MOST_SECRETS:
        raise TooManySecrets
    db.add(secret)
    await db.flush()


async def note_refresh(db: DbSession, client_id: str, *, now: datetime) -> None:
    """Record that a client refreshed a token, at most once an hour."""
    last = col(Client.refreshed_at)
    await db.execute(
        update(Client)
        .where(
            col(Client.client_id) == client_id,
            or_(last.is_(None), last < now - _BETWEEN_REFRESHES),
        )
        .values(refreshed_at=now)
    )


async def disable_client(db: DbSession, client_id: str, *, now: datetime) -> bool:
    """Disable a client; return False if there is no active client with this id."""
    client = await find_client(db, client_id)
    if client is None:
        return False
    client.disabled_at = now
    await db.flush()
    return True


async def drop_secrets(db: DbSession, client_id: str, *, beginning: str = "") -> int:
    """Delete the client's secrets whose hashes begin with `beginning`; return how many."""
    dropped = await db.execute(
        delete(ClientSecret)
        .where(
            col(ClientSecret.client_id) == client_id,
            col(ClientSecret.secret_hash).startswith(beginning, autoescape=True),
        )
        .returning(col(ClientSecret.secret_hash))
    )
    return len(dropped.scalars().all())


async def purge_unused_clients(
    db: DbSession, *, before: datetime, in_use: Sequence[InUse]
) -> Sequence[str]:
    """Delete clients that strangers made before a time and for which no condition of `in_use` holds.

    These are clients that registered themselves, and clients described by documents. A document
    that an operator disabled stays, because it would be read again.

    Returns the ids of the deleted clients that had registered themselves and were not disabled.
    """
    over = [
        or_(
            col(Client.source) == "dynamic",
            and_(col(Client.source) == "document", col(Client.disabled_at).is_(None)),
        ),
        col(Client.created_at) < before,
        *(~holds(col(Client.client_id)) for holds in in_use),
    ]
    gone = await db.execute(
        delete(Client)
        .where(*over)
        .returning(col(Client.client_id), col(Client.source), col(Client.disabled_at))
    )
    return [
        client_id
        for client_id, source, disabled_at in gone
        if source == "dynamic" and disabled_at is None
    ]
