"""The only SQL on signing keys."""

from collections.abc import Sequence

from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.signing_keys.table import SigningKey


async def list_published_keys(db: DbSession) -> Sequence[SigningKey]:
    """List the keys that verifiers need, which are all except retired ones, oldest first."""
    query = (
        select(SigningKey)
        .where(col(SigningKey.state) != "retired")
        .order_by(col(SigningKey.created_at), col(SigningKey.kid))
    )
    return (await db.execute(query)).scalars().all()


async def add_key(db: DbSession, key: SigningKey) -> None:
    """Store a key.

    Raises:
        sqlalchemy.exc.IntegrityError: the key is active and so is another key.
    """
    db.add(key)
    await db.flush()
