"""`gatepost usage outdated`: which clients still use outdated names of tools."""

import asyncio
from pathlib import Path
from typing import cast

import click

from auth_server.administration.adoption.outdated import OutdatedName, read_outdated
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.usage import DAYS, Days
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from gatepost.clock import utc_now
from gatepost.text.hidden import write_line
from gatepost_cli.terminal import json_option, print_rows


@click.command()
@config_option
@click.option("--days", type=click.Choice([str(days) for days in DAYS]), default="30")
@json_option
def outdated(config: Path | None, days: str, as_json: bool) -> None:
    """List the clients that use former names of tools and deprecated tools, the most frequent first."""
    settings = load_settings(config)
    resources = [entry.resource for entry in settings.resources]

    async def work(db: DbSession) -> list[OutdatedName]:
        period = cast("Days", int(days))
        return await read_outdated(db, COMMAND_LINE, resources, days=period, now=utc_now())

    found = asyncio.run(in_transaction(settings, work))
    print_rows(found, _describe, as_json=as_json, none="No client uses an outdated name.")


def _describe(one: OutdatedName) -> str:
    now = "deprecated" if one.tool == one.name else f"now {one.tool or 'unknown'}"
    return write_line(
        f"{one.times:>9}  {one.name or '…'} ({now})  {one.client}  {one.client_id}  last {one.last}"
    )
