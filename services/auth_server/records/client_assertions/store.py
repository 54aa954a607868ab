"""The only SQL on used client assertions."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.client_assertions.table import UsedAssertion


async def use_assertion(db: DbSession, client_id: str, *, jti: str, expires_at: datetime) -> bool:
    """Record that an assertion was used; return whether this was the first time.

    Of any number of parallel calls, exactly one returns True: the table allows one row.
    """
    try:
        async with db.begin_nested():
            db.add(UsedAssertion(client_id=client_id, jti=jti, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


async def purge_assertions(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the assertions that expired before a time and so can no longer be used; return whether there may be more."""
    return await delete_some(db, UsedAssertion, col(UsedAssertion.expires_at) < before)
