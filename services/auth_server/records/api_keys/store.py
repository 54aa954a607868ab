"""The only SQL on API keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.api_keys.table import StoredApiKey

USE_IS_NOTED_EVERY = timedelta(minutes=1)


async def add_api_key(db: DbSession, key: StoredApiKey) -> None:
    """Store a key."""
    db.add(key)
    await db.flush()


async def find_api_key(db: DbSession, key_hash: str) -> StoredApiKey | None:
    """Look up a key by the hash of its full text, including revoked and expired keys."""
    query = select(StoredApiKey).where(col(StoredApiKey.key_hash) == key_hash)
    return (await db.execute(query)).scalar_one_or_none()


async def find_key_by_id(db: DbSession, key_id: str) -> StoredApiKey | None:
    """Look up a key, also one that was revoked, by the `grant_id` of its tokens."""
    return await db.get(StoredApiKey, key_id)


async def list_api_keys(
    db: DbSession, *, tenant_id: str | None = None, person_id: str | None = None
) -> Sequence[StoredApiKey]:
    """List all keys, or those of a tenant or person, oldest first."""
    query = select(StoredApiKey).order_by(col(StoredApiKey.created_at), col(StoredApiKey.key_id))
    if tenant_id is not None:
        query = query.where(col(StoredApiKey.tenant_id) == tenant_id)
    if person_id is not None:
        query = query.where(col(StoredApiKey.person_id) == person_id)
    return (await db.execute(query)).scalars().all()


async def list_expiring(
    db: DbSession, *, after: datetime, until: datetime
) -> Sequence[StoredApiKey]:
    """List the keys that are not revoked and expire after one time and not after another."""
    query = select(StoredApiKey).where(
        col(StoredApiKey.expires_at) > after,
        col(StoredApiKey.expires_at) <= until,
        col(StoredApiKey.revoked_at).is_(None),
    )
    return (await db.execute(query.order_by(col(StoredApiKey.expires_at)))).scalars().all()


async def note_use(db: DbSession, key_id: str, *, now: datetime) -> None:
    """Record that a key was used, at most once a minute."""
    await db.execute(
        update(StoredApiKey)
        .where(
            col(StoredApiKey.key_id) == key_id,
            or_(
                col(StoredApiKey.last_used_at).is_(None),
                col(StoredApiKey.last_used_at) <= now - USE_IS_NOTED_EVERY,
            ),
        )
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )


async def revoke_api_key(db: DbSession, key_id: str, *, now: datetime) -> StoredApiKey | None:
    """Revoke a key and return it, or None if no such key is live."""
    revoked = await db.execute(
        update(StoredApiKey)
        .where(col(StoredApiKey.key_id) == key_id, col(StoredApiKey.revoked_at).is_(None))
        .values(revoked_at=now)
        .returning(StoredApiKey)
    )
    return revoked.scalar_one_or_none()
