"""Which clients still use former names of tools, and tools that are deprecated."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.operator import ActingOperator
from auth_server.administration.usage import Days
from auth_server.catalogues.callers import list_caller_names
from auth_server.db.engine import DbSession
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.unmet_calls.store import list_outdated
from gatepost.metering.plans import start_of_day

MOST_SHOWN = 200


class OutdatedName(BaseModel):
    """An outdated name of a tool, and one client that still uses it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    """The former name of a tool, or the name of a deprecated one; empty for the rest of a day on which there
    were too many names and clients."""
    tool: str
    """The tool's present name, or the deprecated tool itself; empty if no tool has or had the name."""
    client_id: str
    """The client, cut to 300 characters; a gateway for calls with API keys."""
    client: str
    """The client's name."""
    times: int
    last: date
    """The last day, in UTC, on which the client used the name."""


async def read_outdated(
    db: DbSession,
    operator: ActingOperator,
    resources: Iterable[str],
    *,
    days: Days,
    now: datetime,
) -> list[OutdatedName]:
    """List the clients that used outdated names in the last days, the most frequent first.

    Args:
        db: a database session.
        operator: who asks.
        resources: the resources whose tools are known.
        days: the number of days, with today.
        now: the time.

    Raises:
        Forbidden: `calls:read` is missing.
    """
    operator.require("calls:read")
    since = start_of_day(now) - timedelta(days=days - 1)
    used = await list_outdated(db, since=since, most=MOST_SHOWN)
    catalogues = [await find_catalogue(db, resource) for resource in resources] if used else []
    tools = [tool for one in catalogues if one is not None for tool in one.tools]
    present = {tool.name: tool.name for tool in tools}
    present |= {name: tool.name for tool in tools for name in tool.former}
    clients = await list_caller_names(db, {one.client_id for one in used})
    return [
        OutdatedName(
            name=one.name,
            tool=present.get(one.name, ""),
            client_id=one.client_id,
            client=clients.get(one.client_id, one.client_id),
            times=one.times,
            last=one.last.date(),
        )
        for one in used
    ]
