"""Tell how old a backup is: the time of its newest record."""

from datetime import timedelta

from sqlalchemy import func
from sqlmodel import col, select

from auth_server.backups.check import Found, Given
from auth_server.db.engine import DbSession
from auth_server.records.audit.table import AuditEntry
from auth_server.records.call_log.table import LoggedCall


async def check_newest_record(db: DbSession, given: Given) -> Found:
    """Read the time of the newest entry of the audit log and of the newest call."""
    times = [
        at
        for column in (col(AuditEntry.at), col(LoggedCall.at))
        if (at := (await db.execute(select(func.max(column)))).scalar_one()) is not None
    ]
    if not times:
        return Found(given.max_age is None, "There are no records yet.")
    age = given.now - max(times)
    text = f"The newest record is of {max(times):%Y-%m-%d %H:%M:%S} UTC"
    if given.max_age is not None and age > given.max_age:
        return Found(False, f"{text}, which is more than {_hours(given.max_age)} hours ago.")
    return Found(True, f"{text}, {_hours(age)} hours ago.")


def _hours(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):.1f}"
