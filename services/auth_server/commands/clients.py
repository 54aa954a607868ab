"""`gatepost auth-server clients …`: the clients that operators vouch for."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.ceilings.store import list_ceilings
from auth_server.records.clients.store import (
    TooManySecrets,
    add_secret,
    disable_client,
    drop_secrets,
    find_client,
    list_live_secrets,
    list_managed_clients,
)
from auth_server.records.clients.table import ClientSecret
from auth_server.revocations.revoke import outdate_tokens
from auth_server.secrets import hash_secret, new_secret
from auth_server.seed import SeedError, read_seed, store_client
from gatepost.clock import utc_now

_SHOWN = 12
_SECRET = "The secret, shown this once:"  # noqa: S105 - what stands before it


@click.group()
def clients() -> None:
    """Manage the clients that this server's operators vouch for."""


@clients.command(name="add")
@config_option
@click.argument("client_id")
@click.option("--name", required=True, help="What people read on the consent page.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where people are sent back.")
@click.option(
    "--auth-method",
    "token_endpoint_auth_method",
    type=click.Choice(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]),
    default="none",
    show_default=True,
    help="How it proves itself at the token endpoint.",
)
@click.option(
    "--jwks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with its public keys.",
)
@click.option("--jwks-uri", help="Where its public keys are.")
@click.option("--tenant", help="Lets it have tokens of its own, in this tenant alone.")
@click.option("--resource", "resources", multiple=True, help="For which gateways.")
@click.option("--scope", default="", help="With at most this scope.")
@click.option("--tool", "tools", multiple=True, help="For these tools, or @toolsets, alone.")
@click.option("--data-scope", default="", help="Within this data of the tenant's.")
@click.option("--introspects", is_flag=True, help="Lets it ask /introspect about any token.")
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
            raise click.ClickException(f"{resource} is none of the configured resources")
    if tenant is None and (resources or scope or tools or data_scope):
        raise click.ClickException("a client with tokens of its own needs --tenant")
    # One gateway needs no naming.
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
    click.echo(f"{client_id} is a managed client.")
    if secret is not None:
        click.echo(f"{_SECRET}\n{secret}")


@clients.command(name="list")
@config_option
def list_(config: Path | None) -> None:
    """List the managed clients, their secrets by the first digits of their hashes."""

    async def work(db: DbSession) -> list[str]:
        lines = []
        for client in await list_managed_clients(db):
            state = "disabled" if client.disabled_at is not None else "active"
            method = client.token_endpoint_auth_method
            asks = "  (introspects)" if client.introspects else ""
            lines.append(f"{client.client_id}  {state}  {method}  {client.name}{asks}")
            for secret in await list_live_secrets(db, client.client_id, now=utc_now()):
                until = f", until {secret.expires_at:%Y-%m-%d %H:%M}" if secret.expires_at else ""
                shown = secret.secret_hash[:_SHOWN]
                lines.append(f"  secret {shown}, since {secret.created_at:%Y-%m-%d %H:%M}{until}")
            lines += [
                f"  itself in {ceiling.tenant_id} at {ceiling.resource}: {ceiling.scope}; "
                f"{', '.join(ceiling.tools)}; {ceiling.data_scope or 'all data of the tenant'}"
                for ceiling in await list_ceilings(db, client.client_id)
            ]
        return lines

    lines = asyncio.run(in_transaction(load_settings(config), work))
    click.echo("\n".join(lines) or "There is no managed client.")


@clients.command(name="add-secret")
@config_option
@click.argument("client_id")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="Never, where not given.")
def add_second_secret(config: Path | None, client_id: str, expires_in_days: int | None) -> None:
    """Give a client a second secret; both serve until one is dropped."""
    secret = new_secret()

    async def work(db: DbSession) -> None:
        now = utc_now()
        client = await find_client(db, client_id)
        if client is None or not client.token_endpoint_auth_method.startswith("client_secret"):
            raise click.ClickException(f"{client_id} is no active client that uses a secret")
        lifetime = None if expires_in_days is None else timedelta(days=expires_in_days)
        row = ClientSecret(
            client_id=client_id,
            secret_hash=hash_secret(secret),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        try:
            await add_secret(db, row)
        except TooManySecrets:
            raise click.ClickException(
                f"{client_id} has two secrets; drop one first (clients drop-secret)"
            ) from None
        await record(db, Audit("client.secret_added", client_id=client_id), now=now)

    asyncio.run(in_transaction(load_settings(config), work))
    click.echo(f"{_SECRET}\n{secret}")


@clients.command(name="drop-secret")
@config_option
@click.argument("client_id")
@click.argument("beginning")
def drop_secret(config: Path | None, client_id: str, beginning: str) -> None:
    """End the secret whose hash begins so, as `clients list` shows it."""

    async def work(db: DbSession) -> None:
        too_short = len(beginning) < _SHOWN
        if too_short or not await drop_secrets(db, client_id, beginning=beginning):
            raise click.ClickException(
                f"{client_id} has no secret {beginning}; `clients list` shows {_SHOWN} digits"
            )
        await record(db, Audit("client.secret_dropped", client_id=client_id), now=utc_now())

    asyncio.run(in_transaction(load_settings(config), work))
    click.echo("The secret is over.")


@clients.command(name="disable")
@config_option
@click.argument("client_id")
def disable(config: Path | None, client_id: str) -> None:
    """End a client of any kind, with every token that it has."""
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        now = utc_now()
        if not await disable_client(db, client_id, now=now):
            raise click.ClickException(f"{client_id} is no active client")
        lifetime = settings.access_token_lifetime
        await outdate_tokens(db, "client", client_id, lifetime=lifetime, now=now)
        changed = Audit("client.changed", client_id=client_id, detail={"disabled": True})
        await record(db, changed, now=now)

    asyncio.run(in_transaction(settings, work))
    click.echo(f"{client_id} is disabled.")


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        raise click.ClickException(f"{path}: not a JSON file") from None
