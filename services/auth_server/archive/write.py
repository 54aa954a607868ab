"""Write old calls to a file before they are deleted."""

import asyncio
import gzip
import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from auth_server.db.engine import Database, DbSession
from auth_server.records.call_log.store import (
    delete_calls,
    list_calls_before,
    list_calls_of_month,
)
from gatepost.metering.call_event import CallEvent, write_event


async def archive_calls(database: Database, folder: Path, *, before: datetime) -> bool:
    """Move some of the calls from before a time to a file; return whether there may be more.

    The file is complete on the disk before they are deleted. If the process ends in between, the next
    one writes the same file again.
    """
    async with database.reading() as db:
        events = await list_calls_before(db, before)
    if not events:
        return False
    await asyncio.to_thread(_write, folder, events)
    async with database.writing() as db, db.begin():
        await delete_calls(db, events)
    return True


async def archive_month(db: DbSession, folder: Path, month: datetime) -> None:
    """Write a detached month of the call log to files, whose names and contents are always the same."""
    events: list[CallEvent] = []
    while events := await list_calls_of_month(db, month, after=events[-1] if events else None):
        await asyncio.to_thread(_write, folder, events)


def _write(folder: Path, events: Sequence[CallEvent]) -> None:
    lines = b"".join(write_event(event) + b"\n" for event in events)
    first, digest = events[0].at.astimezone(UTC), hashlib.sha256(lines).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"calls-{first:%Y%m%dT%H%M%SZ}-{digest[:16]}.ndjson.gz"
    # Processes in containers have the same ids.
    part = file.with_suffix(f".{os.uname().nodename}.{os.getpid()}.part")
    with part.open("wb") as opened:
        opened.write(gzip.compress(lines, mtime=0))
        opened.flush()
        os.fsync(opened.fileno())
    part.replace(file)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
