"""`gatepost auth-server audit …`: list and export the audit log."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, get_args

import click

from auth_server.administration.audit.export import Format, open_export
from auth_server.administration.audit.read import AuditEntryView, read_entries
from auth_server.administration.errors import Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST, USUAL
from auth_server.commands.common import config_option, load_settings
from auth_server.db.engine import open_database
from auth_server.records.audit.search import AuditFilter
from auth_server.records.audit.verify import Head
from auth_server.settings import AuthServerSettings
from gatepost_cli.terminal import Tell, echo, json_option, print_rows, progress

F = TypeVar("F", bound=Callable[..., Any])
_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


def _filter_options(command: F) -> F:
    for option in (
        click.option("--until", type=_DAY, help="The time in UTC before which they happened."),
        click.option("--since", type=_DAY, help="The earliest time in UTC."),
        click.option("--grant", "grant_id", default="", help="A grant or API key."),
        click.option("--tenant", "tenant_id", default="", help="A tenant."),
        click.option("--client", "client_id", default="", help="A client."),
        click.option("--person", "person_id", default="", help="A person."),
        click.option("--event", default="", help="Such as grant.created."),
    ):
        command = option(command)
    return command


def _filter(since: datetime | None, until: datetime | None, **names: Any) -> AuditFilter:
    return AuditFilter(
        **names,
        since=None if since is None else since.replace(tzinfo=UTC),
        until=None if until is None else until.replace(tzinfo=UTC),
    )


@click.group()
def audit() -> None:
    """List and export the audit log."""


@audit.command(name="list")
@config_option
@_filter_options
@click.option("--limit", type=click.IntRange(1, MOST), default=USUAL, show_default=True)
@json_option
def list_(config: Path | None, limit: int, as_json: bool, **given: Any) -> None:
    """List the newest entries."""
    entries = asyncio.run(_read(load_settings(config), _filter(**given), limit))
    print_rows(entries, _describe, as_json=as_json, none="No entry matches.")


@audit.command(name="export")
@config_option
@_filter_options
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    default="ndjson",
    show_default=True,
    help="`ocsf` writes OCSF events.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: standard output]",
)
def export(config: Path | None, form: Format, output: Path | None, **given: Any) -> None:
    """Export entries, the oldest first; `audit-verify --file` verifies the file."""
    settings, which = load_settings(config), _filter(**given)
    # The lines themselves show the progress on a terminal.
    shown = output is None and sys.stdout.isatty()
    with ExitStack() as stack:
        into = sys.stdout.buffer if output is None else stack.enter_context(output.open("wb"))
        tell = (lambda _: None) if shown else stack.enter_context(progress())
        head = asyncio.run(_export(settings, which, form, into, tell))
    if head is not None:
        echo(f"The head of the audit log is {head.number}:{head.hash}", err=True)


def _describe(entry: AuditEntryView) -> str:
    ids = (entry.person_id, entry.tenant_id, entry.client_id, entry.grant_id)
    named = " ".join(filter(None, ids))
    detail = json.dumps(entry.detail) if entry.detail else ""
    line = f"{entry.number}  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.event}  {entry.words}  {named}  {detail}"
    return line.rstrip()


async def _read(
    settings: AuthServerSettings, which: AuditFilter, limit: int
) -> list[AuditEntryView]:
    database = open_database(settings.database_url)
    try:
        async with database.reading() as db:
            return list((await read_entries(db, COMMAND_LINE, which, limit=limit)).rows)
    except Refused as error:
        raise click.ClickException(str(error)) from None
    finally:
        await database.close()


async def _export(
    settings: AuthServerSettings, which: AuditFilter, form: Format, into: BinaryIO, tell: Tell
) -> Head | None:
    database = open_database(settings.database_url)
    try:
        opened = await open_export(database, COMMAND_LINE, which, form, issuer=settings.issuer)
        lines = 0
        async for chunk in opened.chunks:
            into.write(chunk)
            lines += chunk.count(b"\n")
            tell(f"{lines:,} entries written")
    except Refused as error:
        raise click.ClickException(str(error)) from None
    finally:
        await database.close()
    into.flush()
    return opened.head
