"""The only SQL on signing keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.raw_sql import RawSql
from auth_server.records.signing_keys.table import SigningKey


async def list_published_keys(db: DbSession) -> Sequence[SigningKey]:
    """List the keys that verifiers need: the active, the next and the retiring ones."""
    query = (
        select(SigningKey)
        .where(col(SigningKey.state) != "retired")
        # The active one first, for verifiers that try the keys in turn.
        .order_by(col(SigningKey.state), col(SigningKey.created_at))
    )
    return (await db.execute(query)).scalars().all()


async def find_active_key_id(raw_sql: RawSql) -> str | None:
    """Return the id of the key that signs, or None before the first key is made."""
    row = await raw_sql.fetch("SELECT kid FROM signing_keys WHERE state = 'active'", {})
    return None if row is None else str(row[0])


async def add_key(db: DbSession, key: SigningKey) -> None:
    """Store a key.

    Raises:
        sqlalchemy.exc.IntegrityError: the key is active and so is another key.
    """
    db.add(key)
    await db.flush()


async def find_active_since(db: DbSession) -> datetime | None:
    """Return when the active key became active, or None without one."""
    query = select(SigningKey.changed_at).where(col(SigningKey.state) == "active")
    return (await db.execute(query)).scalar_one_or_none()
