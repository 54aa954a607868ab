"""Usage by the day: what the hours add up to, by tool, tenant, client, person and API."""

from collections import defaultdict
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

Kind = Literal["total", "tool", "tenant", "client", "person", "api"]
_KINDS = {
    "total": "",
    "tool": "tool",
    "tenant": "tenant_id",
    "client": "client_id",
    "person": "sub",
}
"""The column of hours that holds the keys of a kind."""
_API_KINDS = {"api": "", **{f"api_{kind}": name for kind, name in _KINDS.items() if name}}
"""The same for kinds of calls that name an API, which precedes the keys."""
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
            keys = [
                ("total", ""),
                ("tool", event.tool),
                ("tenant", event.tenant_id),
                ("client", event.client_id),
                ("person", event.sub),
            ]
            if event.api:
                of_api = [(f"api_{kind}", f"{event.api}/{key}") for kind, key in keys[1:]]
                keys += [("api", event.api), *of_api]
            for kind, key in keys:
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


def match_days(
    kind: Kind, since: datetime, until: datetime, env: str, *, api: str = ""
) -> list[Any]:
    """Return the conditions of the rows of a kind in a period of whole days, of all APIs or of one."""
    conditions = [
        col(UsageDay.env) == env,
        col(UsageDay.day) >= since.astimezone(UTC).date(),
        col(UsageDay.day) < until.astimezone(UTC).date(),
    ]
    if not api:
        return [*conditions, col(UsageDay.kind) == kind]
    if kind in {"total", "api"}:
        return [*conditions, col(UsageDay.kind) == "api", col(UsageDay.key) == api]
    named = func.substr(col(UsageDay.key), 1, len(api) + 1) == f"{api}/"
    return [*conditions, col(UsageDay.kind) == f"api_{kind}", named]


def key_of_days(kind: Kind, *, api: str = "") -> Any:
    """Return the key of the rows that `match_days` finds, without the API."""
    if not api or kind in {"total", "api"}:
        return col(UsageDay.key)
    return func.substr(col(UsageDay.key), len(api) + 2)


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
    day, env, named = _day_of_hour(db), col(UsageHour.env), col(UsageHour.api) != ""
    query: Any = (
        select(day, env, named)
        .add_columns(func.sum(UsageHour.calls), func.sum(UsageHour.units))
        .where(*_within(since, until))
        .group_by(day, env, named)
    )
    sums: defaultdict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for at, of_env, of_apis, calls, units in (await db.execute(query)).all():
        for kind in (*_KINDS, *(_API_KINDS if of_apis else ())):
            total = sums[_read_day(at), of_env, kind]
            total[0] += int(calls)
            total[1] += int(units)
    found: dict[date, set[tuple[str, str, int, int]]] = {}
    for (on, of_env, kind), (calls, units) in sums.items():
        found.setdefault(on, set()).add((of_env, kind, calls, units))
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

    api = col(UsageHour.api)
    for kind, name in (*_KINDS.items(), *_API_KINDS.items()):
        of_api = kind in _API_KINDS
        key: Any = api if of_api else literal("")
        if name:
            named = col(getattr(UsageHour, name))
            key = func.substr(api + "/" + named if of_api else named, 1, LONGEST_KEY)
        where = [col(UsageHour.env).label("env"), day.label("day")]
        # PostgreSQL groups by no constant.
        groups = [*where, key] if name or of_api else where
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
            .where(*_within(since, until), *([api != ""] if of_api else []))
            .group_by(*groups)
        )


def _of_days(since: datetime, until: datetime) -> list[Any]:
    # With every kind, so that the search goes by the key.
    day = col(UsageDay.day)
    kinds = col(UsageDay.kind).in_([*_KINDS, *_API_KINDS])
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
