"""The only SQL on the steps towards a first call."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from auth_server.db.add_rows import add_rows
from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.connect_steps.table import ConnectSteps


async def add_steps(db: DbSession, counts: Mapping[tuple[datetime, str, str], int]) -> None:
    """Add counts, by the beginning of the day, the step and its result."""
    rows = [
        {"day": day, "step": step, "result": result, "times": times}
        for (day, step, result), times in sorted(counts.items())
    ]
    await add_rows(db, ConnectSteps, rows, key=("day", "step", "result"), sums=("times",))


async def sum_steps(db: DbSession, *, since: datetime) -> dict[tuple[str, str], int]:
    """Sum the counts of all days from one on, by step and result."""
    query = (
        select(col(ConnectSteps.step), col(ConnectSteps.result), func.sum(col(ConnectSteps.times)))
        .where(col(ConnectSteps.day) >= since)
        .group_by(col(ConnectSteps.step), col(ConnectSteps.result))
    )
    return {(step, result): int(times) for step, result, times in (await db.execute(query)).all()}


async def purge_steps(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the counts from before a day; return whether there may be more."""
    return await delete_some(db, ConnectSteps, col(ConnectSteps.day) < before)
