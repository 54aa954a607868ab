"""`gatepost keys …`: list and rotate the keys that sign access tokens."""

import asyncio
from pathlib import Path

import click

from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.signing_keys import SigningKeyView, read_signing_keys
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.runtime import keys_of
from auth_server.tokens.keyring import rotate, withdraw
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows


@click.command(name="list")
@config_option
@json_option
def list_keys(config: Path | None, as_json: bool) -> None:
    """List the published keys."""

    async def show(db: DbSession) -> tuple[SigningKeyView, ...]:
        return await read_signing_keys(db, COMMAND_LINE)

    rows = asyncio.run(in_transaction(load_settings(config), show))
    print_rows(rows, _describe, as_json=as_json, none="There are no keys yet.")


@click.command(name="rotate")
@config_option
@click.option("--now", "at_once", is_flag=True, help="Withdraw a compromised key at once.")
def rotate_keys(config: Path | None, at_once: bool) -> None:
    """Rotate the signing key without failing a call at the gateways."""
    settings = load_settings(config)
    keys_to_seal_with = keys_of(settings)

    async def change(db: DbSession) -> str:
        return await (withdraw if at_once else rotate)(db, keys_to_seal_with, now=utc_now())

    echo(asyncio.run(in_transaction(settings, change)))


def _describe(key: SigningKeyView) -> str:
    return f"{key.state:<9} since {key.changed_at:%Y-%m-%d %H:%M}  {key.kid}"
