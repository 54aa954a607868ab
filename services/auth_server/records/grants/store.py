"""The only SQL on grants."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, update
from sqlalchemy import select as sa_select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth_server.db.engine import DbSession
from auth_server.records.grants.table import Grant


async def find_grant(db: DbSession, grant_id: str, *, lock: bool = False) -> Grant | None:
    """Look up a live grant; pass `lock` to change it."""
    # New rows may refer to it meanwhile, as a rotated refresh token does.
    grant = await db.get(Grant, grant_id, with_for_update={"key_share": True} if lock else None)
    return grant if grant is not None and grant.revoked_at is None else None


async def find_ended_or_live_grant(db: DbSession, grant_id: str) -> Grant | None:
    """Look up a grant, also one that has ended."""
    return await db.get(Grant, grant_id)


async def find_live_grant(
    db: DbSession,
    *,
    person_id: str,
    client_id: str,
    tenant_id: str,
    resource: str,
    by_tenant: bool = False,
    lock: bool = False,
) -> Grant | None:
    """Look up the live grant of a person, client, tenant and resource; pass `lock` to change it.

    It is the one that the person approved, or with `by_tenant` the one that the tenant connected.
    """
    query = _live_grant(person_id, client_id, tenant_id, resource, by_tenant=by_tenant)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await db.execute(query)).scalar_one_or_none()


async def has_live_grant(db: DbSession, client_id: str) -> bool:
    """Return whether any person's grant of a client is live."""
    query = select(Grant.grant_id).where(
        col(Grant.client_id) == client_id, col(Grant.revoked_at).is_(None)
    )
    return (await db.execute(query.limit(1))).scalar_one_or_none() is not None


async def find_usual_tenant(db: DbSession, person_id: str, client_id: str) -> str | None:
    """Find the tenant in which a person last approved this client, or else any client."""
    query = (
        select(Grant.tenant_id)
        .where(col(Grant.person_id) == person_id, col(Grant.revoked_at).is_(None))
        .order_by((col(Grant.client_id) == client_id).desc(), col(Grant.approved_at).desc())
        .limit(1)
    )
    return (await db.execute(query)).scalar_one_or_none()


async def list_new_grants(db: DbSession, *, since: datetime, most: int) -> Sequence[str]:
    """List the ids of the newest grants since a time, also of those that have ended."""
    query = select(Grant.grant_id).where(col(Grant.created_at) >= since)
    query = query.order_by(col(Grant.created_at).desc()).limit(most)
    return (await db.execute(query)).scalars().all()


async def put_grant(db: DbSession, grant: Grant) -> Grant:
    """Store a person's latest choice as a new grant or as the next version of the live one.

    Args:
        db: the open transaction.
        grant: the choice, with a new id that is used only if this person, client, tenant and
            resource have no live grant.
    """
    while (live := await _lock_live_grant(db, grant)) is None:
        # In vain if another window stored the person's choice first, which may be revoked by now.
        with suppress(IntegrityError):
            async with db.begin_nested():
                db.add(grant)
            return grant
    live.scope = grant.scope
    live.asked_scope = grant.asked_scope
    live.tools = grant.tools
    live.apis = grant.apis
    live.data_scope = grant.data_scope
    live.redirect_host = grant.redirect_host
    live.client_snapshot = grant.client_snapshot
    live.catalogue_hash = grant.catalogue_hash
    live.updated_at = grant.updated_at
    live.approved_at = grant.approved_at
    live.expires_at = grant.expires_at
    live.provider = grant.provider
    live.version += 1
    await db.flush()
    return live


async def revoke_grant_row(
    db: DbSession, grant_id: str, reason: str, *, now: datetime
) -> Grant | None:
    """Revoke a grant and return it; None if another call did so first.

    `auth_server.revocations.revoke` ends the tokens issued from it.
    """
    ended = await db.execute(
        update(Grant)
        .where(col(Grant.grant_id) == grant_id, col(Grant.revoked_at).is_(None))
        .values(revoked_at=now, revoked_reason=reason)
        .returning(col(Grant.grant_id))
    )
    if ended.scalar_one_or_none() is None:
        return None
    return await db.get(Grant, grant_id, populate_existing=True)


async def list_live_grants(
    db: DbSession,
    *,
    tenant_id: str | None = None,
    person_id: str | None = None,
    client_id: str | None = None,
    lock: bool = False,
    after: str = "",
    most: int | None = None,
) -> Sequence[Grant]:
    """List the live grants that match all given ids, by id; pass `lock` to change them.

    `after` is the id after which the list begins, and `most` its length.

    Everything that changes several grants locks them here, in the same order, and before it changes
    anything else.
    """
    query = select(Grant).where(col(Grant.revoked_at).is_(None))
    if tenant_id is not None:
        query = query.where(col(Grant.tenant_id) == tenant_id)
    if person_id is not None:
        query = query.where(col(Grant.person_id) == person_id)
    if client_id is not None:
        query = query.where(col(Grant.client_id) == client_id)
    if after:
        query = query.where(col(Grant.grant_id) > after)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await db.execute(query.order_by(col(Grant.grant_id)).limit(most))).scalars().all()


async def count_live_grants(db: DbSession, client_ids: Collection[str]) -> dict[str, int]:
    """Count the live grants of each client; the result omits clients without one."""
    query = (
        sa_select(col(Grant.client_id), func.count())
        .where(col(Grant.client_id).in_(set(client_ids)), col(Grant.revoked_at).is_(None))
        .group_by(col(Grant.client_id))
    )
    return {client_id: count for client_id, count in (await db.execute(query)).all()}


async def list_connected_apps(db: DbSession, tenant_id: str, *, most: int) -> list[tuple[str, str]]:
    """List some of the apps with live grants in a tenant: client id and redirect host."""
    query = (
        sa_select(col(Grant.client_id), col(Grant.redirect_host))
        .where(col(Grant.tenant_id) == tenant_id, col(Grant.revoked_at).is_(None))
        .distinct()
        .order_by(col(Grant.client_id), col(Grant.redirect_host))
    )
    return [(row[0], row[1]) for row in (await db.execute(query.limit(most))).all()]


async def list_granted_clients(db: DbSession, tenant_id: str) -> Sequence[str]:
    """List the ids of the clients with a live grant in a tenant."""
    query = select(Grant.client_id).where(
        col(Grant.tenant_id) == tenant_id, col(Grant.revoked_at).is_(None)
    )
    return (await db.execute(query.distinct())).scalars().all()


async def list_grants_of_tenant(
    db: DbSession, tenant_id: str, *, ended_since: datetime, skip: int, most: int
) -> Sequence[Any]:
    """List a tenant's live grants, then those that ended since a time, newest first.

    The rows have the columns that a page shows, and are not objects of the session.
    """
    shown: tuple[Any, ...] = (
        Grant.grant_id,
        Grant.client_id,
        Grant.client_snapshot,
        Grant.resource,
        Grant.person_id,
        Grant.tools,
        Grant.data_scope,
        Grant.redirect_host,
        Grant.by_tenant,
        Grant.approved_at,
        Grant.revoked_at,
    )
    query = (
        sa_select(*shown)
        .where(
            col(Grant.tenant_id) == tenant_id,
            or_(col(Grant.revoked_at).is_(None), col(Grant.revoked_at) >= ended_since),
        )
        .order_by(
            col(Grant.revoked_at).is_not(None), col(Grant.approved_at).desc(), col(Grant.grant_id)
        )
        .offset(skip)
        .limit(most)
    )
    return (await db.execute(query)).all()


async def list_grants_over(db: DbSession, *, now: datetime) -> Sequence[str]:
    """List the ids of up to a thousand grants that have expired but are not revoked yet."""
    over = (col(Grant.revoked_at).is_(None), col(Grant.expires_at) <= now)
    query = select(Grant.grant_id).where(*over).limit(1_000)
    return (await db.execute(query)).scalars().all()


async def shorten_grants(db: DbSession, tenant_id: str, longest: timedelta) -> None:
    """Limit a tenant's live grants to this time after the person approved them."""
    for grant in await list_live_grants(db, tenant_id=tenant_id, lock=True):
        grant.expires_at = min(grant.expires_at, grant.approved_at + longest)
    await db.flush()


def was_granted(client_id: Mapped[str], *, since: datetime) -> ColumnElement[bool]:
    """Make the condition that a client has a live grant, or had one since a time."""
    return exists().where(
        col(Grant.client_id) == client_id,
        or_(col(Grant.revoked_at).is_(None), col(Grant.revoked_at) >= since),
    )


async def _lock_live_grant(db: DbSession, like: Grant) -> Grant | None:
    # Locked, so that two choices at once become two versions.
    return await find_live_grant(
        db,
        person_id=like.person_id,
        client_id=like.client_id,
        tenant_id=like.tenant_id,
        resource=like.resource,
        by_tenant=like.by_tenant,
        lock=True,
    )


def _live_grant(
    person_id: str, client_id: str, tenant_id: str, resource: str, *, by_tenant: bool
) -> SelectOfScalar[Grant]:
    return select(Grant).where(
        col(Grant.person_id) == person_id,
        col(Grant.client_id) == client_id,
        col(Grant.tenant_id) == tenant_id,
        col(Grant.resource) == resource,
        col(Grant.by_tenant).is_(by_tenant),
        col(Grant.revoked_at).is_(None),
    )
