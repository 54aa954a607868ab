"""`gatepost auth-server admin-tokens …`: manage the tokens of the admin API."""

import asyncio
from datetime import timedelta
from pathlib import Path

import click

from auth_server.administration.admin_tokens import (
    AdminTokenView,
    create_admin_token,
    read_admin_tokens,
    revoke_token,
)
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.secrets import new_secret
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows


@click.group()
def admin_tokens() -> None:
    """Manage the tokens of the admin API."""


@admin_tokens.command(name="create")
@config_option
@click.option("--label", required=True, help="A name for lists.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="Such as tenants:read; repeatable."
)
@click.option(
    "--expires-in-days",
    type=click.IntRange(1, 3650),
    default=90,
    show_default=True,
    help="The lifetime.",
)
def create(config: Path | None, label: str, scopes: tuple[str, ...], expires_in_days: int) -> None:
    """Create a token and show it once."""

    async def work(db: DbSession) -> tuple[AdminTokenView, str]:
        return await create_admin_token(
            db,
            COMMAND_LINE,
            secret=new_secret(),
            label=label,
            scopes=scopes,
            lifetime=timedelta(days=expires_in_days),
            now=utc_now(),
        )

    try:
        view, text = asyncio.run(in_transaction(load_settings(config), work))
    except Refused as error:
        raise click.ClickException(str(error)) from None
    echo(
        f"{view.token_id} is valid until {view.expires_at:%Y-%m-%d}. The token is shown only once:"
    )
    echo(text)


@admin_tokens.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the tokens, without their secret texts."""

    async def work(db: DbSession) -> list[AdminTokenView]:
        return await read_admin_tokens(db, COMMAND_LINE)

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no admin tokens.")


@admin_tokens.command(name="revoke")
@config_option
@click.argument("token_id")
def revoke(config: Path | None, token_id: str) -> None:
    """End a token at once."""

    async def work(db: DbSession) -> None:
        await revoke_token(db, COMMAND_LINE, token_id, now=utc_now())

    try:
        asyncio.run(in_transaction(load_settings(config), work))
    except NotFound as error:
        raise click.ClickException(str(error)) from None
    echo(f"{token_id} is revoked.")


def _describe(one: AdminTokenView) -> str:
    state = "live" if utc_now() < one.expires_at else "expired"
    if one.revoked_at is not None:
        state = "revoked"
    return f"{one.token_id}  {state}  {one.label}  {' '.join(one.scopes)}"
