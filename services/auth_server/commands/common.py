"""The configuration and the database transaction that every command needs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import Slice
from auth_server.db.conflict import repeat
from auth_server.db.engine import Database, DbSession, OpenTransaction, open_database
from auth_server.records.audit.seal import sealing_with
from auth_server.records.audit.store import acting_as
from auth_server.runtime import keys_of
from auth_server.settings import AuthServerSettings
from gatepost.clock import Now, utc_now
from gatepost.metering.plans import end_of_month
from gatepost.settings import SettingsError

T = TypeVar("T")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Path of gatepost.yaml.  [default: $GATEPOST_CONFIG]",
)


def _month(text: str) -> datetime:
    try:
        month = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        end_of_month(month)  # the last month of the calendar has no end
    except (ValueError, OverflowError):
        raise click.BadParameter("must be a month such as 2026-11") from None
    return month


month_option = click.option("--month", type=_month, help="A month in UTC, such as 2026-11.")


def load_settings(config: Path | None) -> AuthServerSettings:
    """Read the settings, or exit with the errors in them."""
    try:
        return AuthServerSettings.load(config)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


async def in_transaction(
    settings: AuthServerSettings, work: Callable[[DbSession], Awaitable[T]]
) -> T:
    """Run all of a command's work in one transaction, and again if it loses against others.

    Its entries in the audit log name the operator `command`.
    """
    database = open_database(settings.database_url, info=sealing_with(keys_of(settings)))

    async def attempt() -> T:
        async with database.writing() as db, db.begin():
            acting_as(db, COMMAND_LINE.name)
            return await work(db)

    try:
        return await repeat(attempt)
    finally:
        await database.engine.dispose()


async def read_every_page(read: Callable[[str], Awaitable[Slice[T]]]) -> list[T]:
    """Read a list to its end.

    Args:
        read: reads the page after a place; the first one after an empty place.
    """
    rows, after = list[T](), ""
    while True:
        page = await read(after)
        rows += page.rows
        if not (after := page.next):
            return rows


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command opens that does not work in one transaction."""

    settings: AuthServerSettings
    database: Database
    transaction: OpenTransaction
    now: Now


@asynccontextmanager
async def opened(settings: AuthServerSettings) -> AsyncIterator[Opened]:
    """Open the database for as long as the block lasts."""
    database = open_database(settings.database_url, info=sealing_with(keys_of(settings)))
    try:
        yield Opened(settings, database, database.writing.begin, utc_now)
    finally:
        await database.close()
