"""`gatepost usage funnel`: the way to a first call."""

import asyncio
from pathlib import Path
from typing import cast

import click

from auth_server.administration.adoption.funnel import LEFT, REFUSED, STEPS, Funnel, read_funnel
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.usage import DAYS, Days
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo


@click.command()
@config_option
@click.option("--days", type=click.Choice([str(days) for days in DAYS]), default="7")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def funnel(config: Path | None, days: str, as_json: bool) -> None:
    """Count apps and people on their way to a first call, and where they stopped."""

    async def work(db: DbSession) -> Funnel:
        return await read_funnel(db, COMMAND_LINE, days=cast("Days", int(days)), now=utc_now())

    found = asyncio.run(in_transaction(load_settings(config), work))
    if as_json:
        echo(found.model_dump_json(indent=2))
        return
    for step in found.steps:
        echo(f"{step.times:>9}  {STEPS[step.step]}")
    for stop in found.stops:
        said = {**LEFT, **REFUSED}[stop.at] + (f": {stop.error}" if stop.error else "")
        echo(f"{stop.times:>9}  stopped: {said}")
