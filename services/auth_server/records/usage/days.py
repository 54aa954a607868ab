"""Usage by the day: what the hours add up to, by tool, tenant, client and person."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import Date, case, cast, delete, func, insert, literal, text
from sqlmodel import col, select

from auth_server.db.add_rows import add_rows
from auth_server.db.engine import DbSession
from auth_server.records.usage.latency import BUCKETS, bucket_of
from auth_server.records.usage.table import LONGEST_KEY, UsageDay, UsageHour
from gatepost.metering.call_event import CallEvent

Kind = Literal["total", "tool", "tenant", "client", "person"]
_KINDS: dict[Kind, str] = {
    "total": "",
    "tool": "tool",
    "tenant": "tenant_id",
    "client": "client_id",
    "person": "sub",
}
"""The column of hours that holds the keys of a kind."""
_KEY = ("env", "kind", "day", "key")
_OUTCOMES = {"error": "errors", "refused": "refused", "unknown": "unknown"}
_COUNTED = ("calls", "units", *_OUTCOMES.values(), *BUCKETS)
_PLACES = {name: place for place, name in enumerate(_COUNTED)}
_COLUMNS = (*_KEY, *_COUNTED)


async def add_days(
    db: DbSession, events: Iterable[CallEvent], *, instead_of: Iterable[CallEvent] = ()
) -> None:
    """Add calls to their days, and take away the calls that they replace."""
    await add_rows(db, UsageDay, day_rows(events, instead_of=instead_of), key=_KEY, sums=_COUNTED)


def day_rows(
    events: Iterable[CallEvent], *, instead_of: Iterable[CallEvent] = ()
) -> list[dict[str, Any]]:
    """Add calls up to rows of days, ordered by their key, without the calls that they replace."""
    totals: dict[tuple[Any, ...], list[int]] = {}
    for sign, counted in ((1, events), (-1, instead_of)):
        for event in counted:
            places = [0]
            if event.outcome in _OUTCOMES:
                places.append(_PLACES[_OUTCOMES[event.outcome]])
            if event.outcome != "refused":
                places.append(_PLACES[bucket_of(event.duration_ms)])
            units, env = sign * event.cost, event.env
            day = event.at.astimezone(UTC).date()
            for kind, key in (
                ("total", ""),
                ("tool", event.tool),
                ("tenant", event.tenant_id),
                ("client", event.client_id),
                ("person", event.sub),
            ):
                where = (env, kind, day, key[:LONGEST_KEY])
                if (total := totals.get(where)) is None:
                    total = totals[where] = [0] * len(_COUNTED)
                total[1] += units
                for place in places:
                    total[place] += sign
    return [dict(zip(_COLUMNS, (*where, *totals[where]), strict=True)) for where in sorted(totals)]


def are_whole_days(since: datetime, until: datetime) -> bool:
    """Tell whether a period begins and ends at midnight in UTC."""
    return all(at.astimezone(UTC).time() == time() for at in (since, until))


def match_days(kind: Kind, since: datetime, until: datetime, env: str) -> list[Any]:
    """Return the conditions of the rows of a kind in a period of whole days."""
    return [
        col(UsageDay.env) == env,
        col(UsageDay.kind) == kind,
        col(UsageDay.day) >= since.astimezone(UTC).date(),
        col(UsageDay.day) < until.astimezone(UTC).date(),
    ]


async def find_wrong_days(db: DbSession, *, since: datetime, until: datetime) -> list[date]:
    """List the days of a period of whole days that differ from the sum of their hours.

    They do if a process of an older version, which wrote no days, went on for a while after the table
    of days was made.
    """
    hours = await _add_up_hours(db, since, until)
    envs = {env for sums in hours.values() for env, *_ in sums}
    days = await _add_up_days(db, since, until, envs)
    return sorted(day for day in hours.keys() | days.keys() if hours.get(day) != days.get(day))


async def rebuild_day(db: DbSession, day: date) -> None:
    """Add a day up again from its hours."""
    if db.get_bind().dialect.name == "postgresql":
        # Otherwise somebody could add to hours after they were read, and to a day before it is deleted.
        await db.execute(text("LOCK TABLE usage_days IN EXCLUSIVE MODE"))
    begin = datetime.combine(day, time(), UTC)
    end = begin + timedelta(days=1)
    envs = select(col(UsageHour.env)).where(*_within(begin, end))
    await db.execute(delete(UsageDay).where(*_of_days(begin, end), col(UsageDay.env).in_(envs)))
    for query in _from_hours(db, begin, end):
        names = [column.name for column in query.selected_columns]
        await db.execute(insert(UsageDay).from_select(names, query))


async def _add_up_hours(
    db: DbSession, since: datetime, until: datetime
) -> dict[date, set[tuple[str, str, int, int]]]:
    day = _day_of_hour(db)
    query = (
        select(day, col(UsageHour.env), func.sum(UsageHour.calls), func.sum(UsageHour.units))
        .where(*_within(since, until))
        .group_by(day, col(UsageHour.env))
    )
    found: dict[date, set[tuple[str, str, int, int]]] = {}
    for at, env, calls, units in (await db.execute(query)).all():
        sums = {(env, kind, int(calls), int(units)) for kind in _KINDS}
        found.setdefault(_read_day(at), set()).update(sums)
    return found


async def _add_up_days(
    db: DbSession, since: datetime, until: datetime, envs: Collection[str]
) -> dict[date, set[tuple[str, str, int, int]]]:
    day, env, kind = col(UsageDay.day), col(UsageDay.env), col(UsageDay.kind)
    query: Any = (
        select(day, env, kind)
        .add_columns(func.sum(UsageDay.calls), func.sum(UsageDay.units))
        .where(*_of_days(since, until), env.in_(envs))
        .group_by(day, env, kind)
    )
    found: dict[date, set[tuple[str, str, int, int]]] = {}
    for at, *which, calls, units in (await db.execute(query)).all():
        found.setdefault(at, set()).add((*which, int(calls), int(units)))
    return found


def _from_hours(db: DbSession, since: datetime, until: datetime) -> Iterator[Any]:
    calls, outcome, day = col(UsageHour.calls), col(UsageHour.outcome), _day_of_hour(db)

    def total(wanted: Any, amount: Any) -> Any:
        return func.sum(case((wanted, amount), else_=0))

    for kind, name in _KINDS.items():
        key = func.substr(getattr(UsageHour, name), 1, LONGEST_KEY) if name else literal("")
        where = [col(UsageHour.env).label("env"), day.label("day")]
        # PostgreSQL groups by no constant.
        groups = [*where, key] if name else where
        yield (
            select(literal(kind).label("kind"), key.label("key"))
            .add_columns(
                *where,
                func.sum(calls).label("calls"),
                func.sum(UsageHour.units).label("units"),
                *(total(outcome == one, calls).label(name) for one, name in _OUTCOMES.items()),
                *(
                    total(outcome != "refused", getattr(UsageHour, name)).label(name)
                    for name in BUCKETS
                ),
            )
            .where(*_within(since, until))
            .group_by(*groups)
        )


def _of_days(since: datetime, until: datetime) -> list[Any]:
    # With every kind, so that the search goes by the key.
    day = col(UsageDay.day)
    kinds = col(UsageDay.kind).in_(list(_KINDS))
    return [kinds, day >= since.date(), day < until.date()]


def _within(since: datetime, until: datetime) -> tuple[Any, Any]:
    return col(UsageHour.hour) >= since, col(UsageHour.hour) < until


def _day_of_hour(db: DbSession) -> Any:
    """The day of an hour in UTC; as text on SQLite."""
    if db.get_bind().dialect.name == "postgresql":
        return cast(func.timezone("UTC", UsageHour.hour), Date)
    return func.substr(UsageHour.hour, 1, 10)


def _read_day(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day
