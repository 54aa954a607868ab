"""`gatepost auth-server gateways …`: see the processes of gateways."""

import asyncio
from pathlib import Path

import click

from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST
from auth_server.administration.services.gateways import GatewayView, read_gateways
from auth_server.commands.common import (
    config_option,
    in_transaction,
    load_settings,
    read_every_page,
)
from auth_server.db.engine import DbSession
from gatepost.clock import utc_now
from gatepost_cli.terminal import json_option, print_rows


@click.group()
def gateways() -> None:
    """See the processes of gateways, and what is wrong with them."""


@gateways.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the processes that reported in the last day and did not stop."""

    async def work(db: DbSession) -> list[GatewayView]:
        return await read_every_page(
            lambda after: read_gateways(db, COMMAND_LINE, after=after, limit=MOST, now=utc_now())
        )

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="No gateway has reported in the last day.")


def _describe(one: GatewayView) -> str:
    state = ", ".join(one.problems) or "running"
    return (
        f"{one.report.host}  {one.resource}  {state}  version {one.report.version}  "
        f"since {one.report.started_at:%Y-%m-%d %H:%M}  reported {one.reported_at:%Y-%m-%d %H:%M:%S}"
    )
