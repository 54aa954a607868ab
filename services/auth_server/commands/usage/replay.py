"""`gatepost usage replay`: compare archives of calls with the ledger."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from auth_server.archive.read import UnreadableArchive, read_archive
from auth_server.commands.common import config_option, load_settings
from auth_server.db.engine import Database, open_database
from auth_server.gateway_api.write_calls import write_missing
from auth_server.records.ledger.store import find_entries
from gatepost.clock import utc_now
from gatepost.metering.call_event import CallEvent
from gatepost_cli.terminal import echo

_AT_ONCE = 500


@dataclass(slots=True)
class _Compared:
    """The billable calls of one tenant in the archives."""

    calls: int = 0
    units: int = 0
    missing: int = 0
    missing_units: int = 0
    different: int = 0


@click.command()
@config_option
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--write", is_flag=True, help="Add calls to the ledger that it lacks.")
def replay(config: Path | None, files: tuple[Path, ...], write: bool) -> None:
    """Compare archives of calls with the ledger, or add to it what it lacks.

    A call that the ledger has is never added again. What is added is also exported. The command fails
    if the ledger lacks calls, or holds other units than the archive.
    """
    settings = load_settings(config)

    async def work() -> dict[str, _Compared]:
        database = open_database(settings.database_url)
        try:
            return await _replay(database, files, write)
        finally:
            await database.close()

    try:
        found = asyncio.run(work())
    except UnreadableArchive as error:
        raise click.ClickException(str(error)) from None
    done = "added" if write else "missing"
    for tenant_id, one in sorted(found.items()):
        echo(
            f"{tenant_id}  {one.calls} billable calls, {one.units} units: {one.missing} {done} "
            f"({one.missing_units} units), {one.different} different"
        )
    if any(one.different or (one.missing and not write) for one in found.values()):
        raise click.ClickException("the ledger differs from the archives")


async def _replay(database: Database, files: tuple[Path, ...], write: bool) -> dict[str, _Compared]:
    found: dict[str, _Compared] = defaultdict(_Compared)
    for events in _batches(files):
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
        if write and missing:
            async with database.writing() as db, db.begin():
                await write_missing(db, missing, now=utc_now())
    return found


def _batches(files: tuple[Path, ...]) -> Iterator[dict[str, CallEvent]]:
    """Read the billable calls, some at a time, each once in its batch."""
    events = itertools.chain.from_iterable(read_archive(file) for file in files)
    billable = (event for event in events if event.cost and event.outcome != "unknown")
    while batch := {event.call_id: event for event in itertools.islice(billable, _AT_ONCE)}:
        yield batch
