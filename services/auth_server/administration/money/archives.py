"""Compare archives of calls with the ledger, and add to it what it lacks."""

import asyncio
import itertools
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.archive.read import UnreadableArchive, read_archive
from auth_server.db.engine import Database, DbSession, OpenTransaction
from auth_server.records.audit.store import Audit, record
from auth_server.records.ledger.store import find_entries
from gatepost.metering.call_event import CallEvent

WriteMissing = Callable[[DbSession, Sequence[CallEvent]], Awaitable[int]]
"""Adds billable calls to the ledger that it lacks, each once; returns how many."""
_AT_ONCE = 500
_NAME = re.compile(r"calls-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}\.ndjson\.gz")


class ArchiveView(BaseModel):
    """A file of calls that left the call log."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    """With the time of its first call."""
    size: int
    """Its length in bytes, compressed."""


class ReplayedView(BaseModel):
    """The billable calls of one tenant in archives, compared with the ledger."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tenant_id: str
    calls: int
    units: int
    missing: int
    """Calls that the ledger lacked."""
    missing_units: int
    different: int
    """Calls that the ledger has with another tenant, meter or number of units."""


@dataclass(slots=True)
class _Compared:
    calls: int = 0
    units: int = 0
    missing: int = 0
    missing_units: int = 0
    different: int = 0


async def read_archives(
    operator: ActingOperator, folder: Path | None, *, after: str = "", limit: int
) -> Slice[ArchiveView]:
    """List the files of the folder `call_log_archive`, the newest calls first.

    Raises:
        Forbidden: `books:read` is missing.
        Refused: the settings name no folder.
    """
    operator.require("books:read")
    listed = await asyncio.to_thread(_list, _require_folder(folder))
    following = [one for one in listed if not after or one.name < after]
    return cut(following, limit, place=lambda view: view.name)


async def replay_archive(
    database: Database,
    transaction: OpenTransaction,
    operator: ActingOperator,
    folder: Path | None,
    name: str,
    *,
    write: WriteMissing | None,
    now: datetime,
) -> list[ReplayedView]:
    """Compare one file of the folder `call_log_archive` with the ledger.

    Args:
        database: the open database.
        transaction: opens a transaction.
        operator: who does it.
        folder: the setting.
        name: the file.
        write: adds to the ledger what it lacks; None only compares.
        now: the time.

    Raises:
        Forbidden: `books:read` is missing, or `books:write` to add calls.
        NotFound: the folder has no such file.
        Refused: the settings name no folder, or the file can't be read.
    """
    operator.require("books:read" if write is None else "books:write")
    # The name comes from outside; only those of archives lead to files.
    file = _require_folder(folder) / name if _NAME.fullmatch(name) else None
    if file is None or not await asyncio.to_thread(file.is_file):
        raise NotFound(f"the archive {name[:200]} does not exist")
    try:
        return await replay_files(database, transaction, operator, [file], write=write, now=now)
    except UnreadableArchive as error:
        raise Refused("name", str(error).replace(str(file), name)) from None


async def replay_files(
    database: Database,
    transaction: OpenTransaction,
    operator: ActingOperator,
    files: Sequence[Path],
    *,
    write: WriteMissing | None,
    now: datetime,
    tell: Callable[[int], None] = lambda _: None,
) -> list[ReplayedView]:
    """Compare archives with the ledger, tenant by tenant; a call that it has is never added again.

    Args:
        database: the open database.
        transaction: opens a transaction.
        operator: who does it.
        files: the archives, compressed or not.
        write: adds to the ledger what it lacks, which is also exported; None only compares.
        now: the time.
        tell: hears from time to time how many calls are compared.

    Raises:
        Forbidden: `books:read` is missing, or `books:write` to add calls.
        UnreadableArchive: a file is not an archive; the calls before the unreadable line stay added.
    """
    operator.require("books:read" if write is None else "books:write")
    found: dict[str, _Compared] = defaultdict(_Compared)
    batches = _batches(files)
    while events := await asyncio.to_thread(next, batches, None):
        async with database.reading() as db:
            entries = await find_entries(db, {one.call_id: one.at for one in events.values()})
        known = {entry.call_id: (entry.tenant_id, entry.meter, entry.units) for entry in entries}
        missing = []
        for event in events.values():
            one = found[event.tenant_id]
            one.calls += 1
            one.units += event.cost
            if event.call_id not in known:
                missing.append(event)
                one.missing += 1
                one.missing_units += event.cost
            elif known[event.call_id] != (event.tenant_id, event.meter, event.cost):
                one.different += 1
        if write is not None and missing:
            async with transaction() as db:
                operator.act(db, "books:write")
                added = await write(db, missing)
                detail: dict[str, str | int | bool | list[str]] = {"added": added}
                await record(db, Audit("usage.archive_replayed", detail=detail), now=now)
        tell(sum(one.calls for one in found.values()))
    return [
        ReplayedView(
            tenant_id=tenant_id,
            calls=one.calls,
            units=one.units,
            missing=one.missing,
            missing_units=one.missing_units,
            different=one.different,
        )
        for tenant_id, one in sorted(found.items())
    ]


def _require_folder(folder: Path | None) -> Path:
    if folder is None:
        raise Refused("call_log_archive", "the settings name no folder of archives")
    return folder


def _list(folder: Path) -> list[ArchiveView]:
    files = [one for one in folder.glob("calls-*.ndjson.gz") if _NAME.fullmatch(one.name)]
    views = [ArchiveView(name=one.name, size=one.stat().st_size) for one in files]
    return sorted(views, key=lambda view: view.name, reverse=True)


def _batches(files: Sequence[Path]) -> Iterator[dict[str, CallEvent]]:
    """Read the billable calls, some at a time, each once in its batch."""
    events = itertools.chain.from_iterable(read_archive(file) for file in files)
    billable = (event for event in events if event.cost and event.outcome != "unknown")
    while batch := {event.call_id: event for event in itertools.islice(billable, _AT_ONCE)}:
        yield batch
