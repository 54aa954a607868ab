"""`gatepost usage intent`: what agents tried in vain."""

import asyncio
from pathlib import Path
from typing import cast

import click
from pydantic import TypeAdapter

from auth_server.administration.adoption.intent import KINDS, Attempt, read_intent
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.usage import DAYS, Days
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from gatepost.clock import utc_now
from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo


@click.command()
@config_option
@click.option("--days", type=click.Choice([str(days) for days in DAYS]), default="7")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for `gatepost tools propose`.")
def intent(config: Path | None, days: str, as_json: bool) -> None:
    """List what agents tried and could not do, the most frequent first."""
    settings = load_settings(config)
    resources = [entry.resource for entry in settings.resources]

    async def work(db: DbSession) -> list[Attempt]:
        period = cast("Days", int(days))
        return await read_intent(db, COMMAND_LINE, resources, days=period, now=utc_now())

    attempts = asyncio.run(in_transaction(settings, work))
    if as_json:
        echo(TypeAdapter(list[Attempt]).dump_json(attempts, indent=2).decode())
        return
    for kind, title in KINDS.items():
        some = [one for one in attempts if one.kind == kind]
        if some:
            echo(f"{title}:")
        for one in some:
            echo(write_line(f"{one.times:>9}  {', '.join(one.names)}{_tell(one)}"))
    if not attempts:
        echo("Agents got everything that they tried.", err=True)


def _tell(one: Attempt) -> str:
    if one.similar:
        return f" (similar: {', '.join(one.similar)})"
    return f" ({one.errors[0]})" if one.errors else ""
