"""List call events that could not be read or stored, and write them again."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut, read_place, write_place
from auth_server.db.engine import Database, DbSession, OpenTransaction
from auth_server.records.audit.store import Audit, record
from auth_server.records.refused_events.store import delete_refused, find_refused, list_refused
from auth_server.records.refused_events.table import RefusedEvent

WriteAgain = Callable[[Database, RefusedEvent], Awaitable[tuple[int, str]]]
"""Writes the events of a refused entry; returns how many, and why one was refused again."""


class RefusedEventView(BaseModel):
    """A call event, or a stream entry without events, that could not be read or stored."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    digest: str
    """The SHA-256 of its bytes."""
    reason: str
    resource: str
    """The gateway that delivered it; empty if it came through Redis."""
    size: int
    """Its length in bytes."""
    refused_at: datetime


class WrittenAgain(BaseModel):
    """What became of a refused event."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    written: int
    """The calls that were written; 0 if they were known."""
    problem: str
    """Why the event is refused again, in which case it stays; empty if it was taken."""


async def read_refused_events(
    db: DbSession, operator: ActingOperator, *, after: str = "", limit: int
) -> Slice[RefusedEventView]:
    """List refused events, the newest first, without their content.

    Raises:
        Forbidden: `books:read` is missing.
        Refused: `after` is not the `next` of another page.
    """
    operator.require("books:read")
    rows = await list_refused(db, before=read_place(after), most=limit + 1)
    views = [view_refused(row) for row in rows]
    return cut(views, limit, place=lambda view: write_place(view.refused_at, view.digest))


def view_refused(row: RefusedEvent) -> RefusedEventView:
    """Describe a refused event without its content."""
    return RefusedEventView(
        digest=row.digest,
        reason=row.reason,
        resource=row.resource,
        size=len(row.payload),
        refused_at=row.refused_at,
    )


async def write_refused_event(
    database: Database,
    transaction: OpenTransaction,
    operator: ActingOperator,
    digest: str,
    *,
    write_again: WriteAgain,
    now: datetime,
) -> WrittenAgain:
    """Write the calls of a refused event again; it stays if it is refused again.

    Args:
        database: the open database.
        transaction: opens a transaction.
        operator: who does it.
        digest: the event's digest.
        write_again: writes the calls, each once.
        now: the time.

    Raises:
        Forbidden: `books:write` is missing.
        NotFound: the event does not exist.
    """
    operator.require("books:write")
    async with database.reading() as db:
        row = await find_refused(db, digest)
    if row is None:
        raise NotFound(f"the refused event {digest[:64]} does not exist")
    written, problem = await write_again(database, row)
    # Calls are written once each, so that a crash before this transaction is harmless.
    async with transaction() as db:
        operator.act(db, "books:write")
        if not problem:
            await delete_refused(db, digest)
        detail: dict[str, str | int | bool | list[str]] = {
            "digest": digest,
            "written": written,
            "refused": bool(problem),
        }
        await record(db, Audit("usage.refused_event_written", detail=detail), now=now)
    return WrittenAgain(written=written, problem=problem)
