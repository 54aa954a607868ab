"""`gatepost auth-server clients …`: manage the clients that operators register."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from auth_server.administration.clients import (
    SHOWN,
    add_client_secret,
    block_client,
    drop_client_secret,
    read_client,
    rename_client,
    verify_client,
)
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.ceilings.store import list_ceilings
from auth_server.records.clients.store import list_live_secrets, list_managed_clients
from auth_server.secrets import new_secret
from auth_server.seed import SeedError, read_seed, store_client
from auth_server.settings import AuthServerSettings
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo

_SECRET = "The secret is shown only once:"  # noqa: S105 - a label, not a secret


@click.group()
def clients() -> None:
    """Manage the clients that operators register."""


@clients.command(name="add")
@config_option
@click.argument("client_id")
@click.option("--name", required=True, help="The name on the consent page.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where people return to.")
@click.option(
    "--auth-method",
    "token_endpoint_auth_method",
    type=click.Choice(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]),
    default="none",
    show_default=True,
    help="How it authenticates at the token endpoint.",
)
@click.option(
    "--jwks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with its public keys.",
)
@click.option("--jwks-uri", help="The URL of its public keys.")
@click.option("--tenant", help="Allow it its own tokens, only in this tenant.")
@click.option("--resource", "resources", multiple=True, help="A gateway for these tokens.")
@click.option("--scope", default="", help="The most scope they have.")
@click.option("--tool", "tools", multiple=True, help="A tool or @toolset they allow.")
@click.option("--data-scope", default="", help="The tenant's data they allow.")
@click.option("--introspects", is_flag=True, help="Allow it to introspect any token.")
def add(
    config: Path | None,
    client_id: str,
    jwks: Path | None,
    tenant: str | None,
    resources: tuple[str, ...],
    scope: str,
    tools: tuple[str, ...],
    data_scope: str,
    **given: Any,
) -> None:
    """Add a client, or replace the one with the same id."""
    settings = load_settings(config)
    for resource in resources:
        if settings.find_resource(resource) is None:
            raise click.ClickException(f"{resource} is not a configured resource")
    if tenant is None and (resources or scope or tools or data_scope):
        raise click.ClickException("to give a client its own tokens, add --tenant")
    # By default, the first gateway.
    names = resources or tuple(entry.resource for entry in settings.resources[:1])
    has_secret = given["token_endpoint_auth_method"].startswith("client_secret")
    secret = new_secret() if has_secret else None
    ceilings = [
        {
            "resource": resource,
            "tenant": tenant,
            "scope": scope,
            "tools": tools,
            "data_scope": data_scope,
        }
        for resource in names
        if tenant is not None
    ]
    entry = {
        "client_id": client_id,
        "jwks": None if jwks is None else _read_json(jwks),
        "secret": secret,
        "ceilings": ceilings,
        **given,
    }

    async def work(db: DbSession) -> None:
        (client,) = read_seed({"clients": [entry]}).clients
        now = utc_now()
        await store_client(db, client, now=now)
        detail: dict[str, str | int | bool | list[str]] = {
            "name": client.name,
            "source": "managed",
            "scope": scope,
            "tools": list(tools),
        }
        added = Audit(
            "client.registered", client_id=client_id, tenant_id=tenant or "", detail=detail
        )
        await record(db, added, now=now)

    try:
        asyncio.run(in_transaction(settings, work))
    except SeedError as error:
        raise click.ClickException(str(error).replace("clients.0.", "")) from None
    echo(f"{client_id} is a managed client.")
    if secret is not None:
        echo(f"{_SECRET}\n{secret}")


@clients.command(name="list")
@config_option
def list_(config: Path | None) -> None:
    """List the managed clients, and their secrets by the first digits of the hashes."""

    async def work(db: DbSession) -> list[str]:
        lines = []
        for client in await list_managed_clients(db):
            state = "disabled" if client.disabled_at is not None else "active"
            method = client.token_endpoint_auth_method
            asks = "  (introspects)" if client.introspects else ""
            lines.append(f"{client.client_id}  {state}  {method}  {client.name}{asks}")
            for secret in await list_live_secrets(db, client.client_id, now=utc_now()):
                until = f", until {secret.expires_at:%Y-%m-%d %H:%M}" if secret.expires_at else ""
                shown = secret.secret_hash[:SHOWN]
                lines.append(f"  secret {shown}, since {secret.created_at:%Y-%m-%d %H:%M}{until}")
            lines += [
                f"  itself in {ceiling.tenant_id} at {ceiling.resource}: {ceiling.scope}; "
                f"{', '.join(ceiling.tools)}; {ceiling.data_scope or 'all data of the tenant'}"
                for ceiling in await list_ceilings(db, client.client_id)
            ]
        return lines

    lines = asyncio.run(in_transaction(load_settings(config), work))
    echo("\n".join(lines) or "There are no managed clients.")


@clients.command(name="add-secret")
@config_option
@click.argument("client_id")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="By default never.")
def add_second_secret(config: Path | None, client_id: str, expires_in_days: int | None) -> None:
    """Add a second secret to a client; both are valid until one is dropped."""
    secret = new_secret()
    lifetime = None if expires_in_days is None else timedelta(days=expires_in_days)

    async def work(db: DbSession) -> None:
        await add_client_secret(
            db, COMMAND_LINE, client_id, secret=secret, lifetime=lifetime, now=utc_now()
        )

    _change(load_settings(config), work)
    echo(f"{_SECRET}\n{secret}")


@clients.command(name="drop-secret")
@config_option
@click.argument("client_id")
@click.argument("beginning")
def drop_secret(config: Path | None, client_id: str, beginning: str) -> None:
    """Delete the secret whose hash begins with BEGINNING, as `clients list` shows it."""

    async def work(db: DbSession) -> None:
        await drop_client_secret(db, COMMAND_LINE, client_id, beginning, now=utc_now())

    _change(load_settings(config), work)
    echo("The secret is deleted.")


@clients.command(name="disable")
@config_option
@click.argument("client_id")
def disable(config: Path | None, client_id: str) -> None:
    """Block a client of any kind, and end all its connections and tokens."""
    _block(config, client_id, True)
    echo(f"{client_id} is disabled.")


@clients.command(name="enable")
@config_option
@click.argument("client_id")
def enable(config: Path | None, client_id: str) -> None:
    """Allow a disabled client again; people have to connect it again."""
    _block(config, client_id, False)
    echo(f"{client_id} is enabled.")


@clients.command(name="verify")
@config_option
@click.argument("client_id")
@click.option("--undo", is_flag=True, help="Remove the mark.")
def verify(config: Path | None, client_id: str, undo: bool) -> None:
    """Mark a client that registered itself as verified, so that pages don't warn of it."""

    async def work(db: DbSession) -> None:
        await verify_client(db, COMMAND_LINE, client_id, not undo, now=utc_now())

    _change(load_settings(config), work)
    echo(f"{client_id} is {'not verified any more' if undo else 'verified'}.")


@clients.command(name="rename")
@config_option
@click.argument("client_id")
@click.argument("name")
def rename(config: Path | None, client_id: str, name: str) -> None:
    """Change the name that pages show for a client."""

    async def work(db: DbSession) -> None:
        await rename_client(db, COMMAND_LINE, client_id, name, now=utc_now())

    _change(load_settings(config), work)
    echo(f"{client_id} is now called {name}.")


def _block(config: Path | None, client_id: str, blocked: bool) -> None:
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        client = await read_client(db, COMMAND_LINE, client_id)
        if blocked == (client.disabled_at is not None):
            state = "an active" if blocked else "a disabled"
            raise click.ClickException(f"{client_id} is not {state} client")
        lifetime = settings.longest_token_lifetime
        await block_client(db, COMMAND_LINE, client_id, blocked, lifetime=lifetime, now=utc_now())

    _change(settings, work)


def _change(settings: AuthServerSettings, work: Callable[[DbSession], Awaitable[None]]) -> None:
    try:
        asyncio.run(in_transaction(settings, work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        raise click.ClickException(f"{path}: not a JSON file") from None
