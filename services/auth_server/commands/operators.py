"""`gatepost auth-server operators …`: manage who may open the console."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import click

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.operators import (
    OperatorView,
    read_operators,
    remove_operator,
    set_operator,
)
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.records.operators.table import Role
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows


@click.group()
def operators() -> None:
    """Manage who may open the console."""


@operators.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the operators."""

    async def work(db: DbSession) -> list[OperatorView]:
        return await read_operators(db, COMMAND_LINE)

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no operators.")


@operators.command(name="set")
@config_option
@click.argument("person_id")
@click.option(
    "--role",
    type=click.Choice(["operator", "viewer"]),
    default="operator",
    show_default=True,
    help="A viewer only reads.",
)
def set_(config: Path | None, person_id: str, role: str) -> None:
    """Make a person an operator, or change their role."""

    async def work(db: DbSession) -> None:
        await set_operator(db, COMMAND_LINE, person_id, cast("Role", role), now=utc_now())

    _change(config, work)
    echo(f"{person_id} is {'a viewer' if role == 'viewer' else 'an operator'}.")


@operators.command(name="remove")
@config_option
@click.argument("person_id")
def remove(config: Path | None, person_id: str) -> None:
    """Take the role from an operator; the person stays."""

    async def work(db: DbSession) -> None:
        await remove_operator(db, COMMAND_LINE, person_id, now=utc_now())

    _change(config, work)
    echo(f"{person_id} is not an operator any more.")


def _describe(one: OperatorView) -> str:
    return f"{one.person_id}  {one.role}  {one.email or '-'}  {one.name}"


def _change(config: Path | None, work: Callable[[DbSession], Awaitable[None]]) -> None:
    try:
        asyncio.run(in_transaction(load_settings(config), work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None
