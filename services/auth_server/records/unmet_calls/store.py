"""The only SQL on calls that agents made in vain."""

from collections import Counter
from collections.abc import Iterable, Sequence
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
NOTHING_FOUND = "nothing_found"
"""The reason of a search without a result; its words stand in place of an error."""
PURPOSE = "purpose"
"""Not a refusal: with which words models said what they were trying to do; they stand in place of an
error."""
OUTDATED = "outdated_name"
"""Not a refusal: calls by former names of tools and of deprecated tools; the client stands in place of an
error."""
REPAIRED = "repaired"
"""Not a refusal: calls with arguments of a wrong type that the gateway corrected; their names stand in place of
an error."""
_NOT_IN_VAIN = frozenset({PURPOSE, OUTDATED, REPAIRED})

LONGEST_CLIENT = 300
MOST_A_DAY = 2_000
"""The rows of a day, because agents can invent any number of names."""
_Key = tuple[datetime, str, str, str]


class OutdatedUse(NamedTuple):
    """How often a client used an outdated name of a tool, and the last day on which it did."""

    name: str
    client_id: str
    times: int
    last: datetime


class Tried(NamedTuple):
    """What agents tried in vain, and how often."""

    reason: str
    tool: str
    error: str
    times: int


async def add_unmet(db: DbSession, events: Sequence[CallEvent]) -> None:
    """Count the calls among some that were made in vain, what models said, and uses of outdated names."""
    # Neither words nor names of one kind take the place of another's.
    kinds = [
        Counter(
            (start_of_day(event.at), event.reason, event.tool, event.error)
            for event in events
            if event.reason in UNMET
        ),
        _count_words(NOTHING_FOUND, [(one, one.searched) for one in events if one.searched]),
        _count_words(PURPOSE, [(one, one.purpose) for one in events if one.purpose]),
        _count_words(REPAIRED, [(one, one.repaired) for one in events if one.repaired]),
        Counter(
            (start_of_day(one.at), OUTDATED, one.called_as, one.client_id[:LONGEST_CLIENT])
            for one in events
            if one.called_as
        ),
    ]
    for counts in kinds:
        for day in {day for day, *_ in counts}:
            await _fold_what_is_new(db, day, counts)
    counts = sum(kinds, Counter[_Key]())
    if not counts:
        return
    rows = [
        {"day": day, "reason": reason, "tool": tool, "error": error, "times": times}
        for (day, reason, tool, error), times in sorted(counts.items())
    ]
    await add_rows(db, UnmetCall, rows, key=("day", "reason", "tool", "error"), sums=("times",))


def _count_words(reason: str, stated: Iterable[tuple[CallEvent, str]]) -> Counter[_Key]:
    return Counter((start_of_day(event.at), reason, event.tool, words) for event, words in stated)


async def _fold_what_is_new(db: DbSession, day: datetime, counts: Counter[_Key]) -> None:
    """Once a day has `MOST_A_DAY` rows of a kind, count what is new under no name and no error."""
    asked = [key for key in counts if key[0] == day]
    of_day = col(UnmetCall.day) == day
    reasons = [asked[0][1]] if asked[0][1] not in UNMET else sorted(UNMET)
    of_kind = col(UnmetCall.reason).in_(reasons)
    number = (await db.execute(select(func.count()).where(of_day, of_kind))).scalar_one()
    if number < MOST_A_DAY:
        return
    kept = (col(UnmetCall.reason), col(UnmetCall.tool), col(UnmetCall.error))
    tools = {tool for _, _, tool, _ in asked}
    rows = (await db.execute(select(*kept).where(of_day, kept[1].in_(tools)))).all()
    known = {(day, reason, tool, error) for reason, tool, error in rows}
    for key in asked:
        if key not in known:
            times = counts.pop(key)
            counts[day, key[1], "", ""] += times


async def list_unmet(db: DbSession, *, since: datetime, most: int, reason: str = "") -> list[Tried]:
    """Sum the calls of all days from one on that were made in vain, the most frequent first.

    Args:
        db: an open database session.
        since: the first day.
        most: how many to list.
        reason: the only reason to list, such as `PURPOSE`; by default all that are refusals.
    """
    what = (col(UnmetCall.reason), col(UnmetCall.tool), col(UnmetCall.error))
    times = func.sum(col(UnmetCall.times))
    wanted = what[0] == reason if reason else what[0].not_in(_NOT_IN_VAIN)
    query = select(*what, times).where(col(UnmetCall.day) >= since, wanted).group_by(*what)
    rows = (await db.execute(query.order_by(times.desc(), *what).limit(most))).all()
    return [Tried(reason, tool, error, int(number)) for reason, tool, error, number in rows]


async def list_outdated(db: DbSession, *, since: datetime, most: int) -> list[OutdatedUse]:
    """Sum the uses of outdated names from one day on by name and client, the most frequent first.

    On a day with more than `MOST_A_DAY` of them, the others have neither name nor client.
    """
    name, client = col(UnmetCall.tool), col(UnmetCall.error)
    times, last = func.sum(col(UnmetCall.times)), func.max(col(UnmetCall.day))
    query = (
        select(name, client, times, last)
        .where(col(UnmetCall.day) >= since, col(UnmetCall.reason) == OUTDATED)
        .group_by(name, client)
        .order_by(times.desc(), name, client)
        .limit(most)
    )
    return [
        OutdatedUse(name, client, int(times), last)
        for name, client, times, last in (await db.execute(query)).all()
    ]


async def purge_unmet(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the counts from before a day; return whether there may be more."""
    return await delete_some(db, UnmetCall, col(UnmetCall.day) < before)
