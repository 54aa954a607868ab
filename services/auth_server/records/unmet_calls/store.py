"""The only SQL on calls that agents made in vain."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlmodel import col

from auth_server.db.add_rows import add_rows
from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.unmet_calls.table import UnmetCall
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import start_of_day

UNMET = frozenset(
    {
        "bound_argument_given",
        "insufficient_scope",
        "invalid_arguments",
        "unknown_tool",
        "unserialisable",
    }
)
"""The reasons for which an agent could not do what it tried."""


MOST_A_DAY = 2_000
"""The rows of a day, because agents can invent any number of names."""
_Key = tuple[datetime, str, str, str]


class Tried(NamedTuple):
    """What agents tried in vain, and how often."""

    reason: str
    tool: str
    error: str
    times: int


async def add_unmet(db: DbSession, events: Sequence[CallEvent]) -> None:
    """Count the calls among some that were made in vain."""
    counts = Counter(
        (start_of_day(event.at), event.reason, event.tool, event.error)
        for event in events
        if event.reason in UNMET
    )
    if not counts:
        return
    for day in {day for day, *_ in counts}:
        await _fold_what_is_new(db, day, counts)
    rows = [
        {"day": day, "reason": reason, "tool": tool, "error": error, "times": times}
        for (day, reason, tool, error), times in sorted(counts.items())
    ]
    await add_rows(db, UnmetCall, rows, key=("day", "reason", "tool", "error"), sums=("times",))


async def _fold_what_is_new(db: DbSession, day: datetime, counts: Counter[_Key]) -> None:
    """Once a day has `MOST_A_DAY` rows, count what is new under no name and no error."""
    of_day = col(UnmetCall.day) == day
    number = (await db.execute(select(func.count()).where(of_day))).scalar_one()
    if number < MOST_A_DAY:
        return
    asked = [key for key in counts if key[0] == day]
    kept = (col(UnmetCall.reason), col(UnmetCall.tool), col(UnmetCall.error))
    tools = {tool for _, _, tool, _ in asked}
    rows = (await db.execute(select(*kept).where(of_day, kept[1].in_(tools)))).all()
    known = {(day, reason, tool, error) for reason, tool, error in rows}
    for key in asked:
        if key not in known:
            times = counts.pop(key)
            counts[day, key[1], "", ""] += times


async def list_unmet(db: DbSession, *, since: datetime, most: int) -> list[Tried]:
    """Sum the calls of all days from one on that were made in vain, the most frequent first."""
    what = (col(UnmetCall.reason), col(UnmetCall.tool), col(UnmetCall.error))
    times = func.sum(col(UnmetCall.times))
    query = select(*what, times).where(col(UnmetCall.day) >= since).group_by(*what)
    rows = (await db.execute(query.order_by(times.desc(), *what).limit(most))).all()
    return [Tried(reason, tool, error, int(number)) for reason, tool, error, number in rows]


async def purge_unmet(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the counts from before a day; return whether there may be more."""
    return await delete_some(db, UnmetCall, col(UnmetCall.day) < before)
