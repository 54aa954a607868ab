"""`gatepost auth-server clients …`: manage the clients that operators register."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from auth_server.administration.clients import (
    ClientView,
    SecretView,
    add_client_secret,
    block_client,
    drop_client_secret,
    read_client,
    read_clients,
    read_secrets,
    rename_client,
    verify_client,
)
from auth_server.administration.errors import NotFound, Refused, refuse
from auth_server.administration.new_clients import (
    NewClient,
    OwnTokens,
    add_client,
    read_new_client,
)
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST
from auth_server.administration.services.workloads import (
    NewWorkload,
    WorkloadView,
    end_workload,
    parse_claims,
    read_workloads,
    trust_workload,
)
from auth_server.commands.common import (
    config_option,
    in_transaction,
    load_settings,
    read_every_page,
)
from auth_server.db.engine import DbSession
from auth_server.records.ceilings.store import list_ceilings
from auth_server.secrets import new_secret
from auth_server.settings import AuthServerSettings
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows
from gatepost_cli.url import URL

_SECRET = "The secret is shown only once:"  # noqa: S105 - a label, not a secret


class ManagedClientView(ClientView):
    """A client that operators manage, with what it proves itself by and may do as itself."""

    secrets: tuple[SecretView, ...]
    own_tokens: tuple[OwnTokens, ...]
    workloads: tuple[WorkloadView, ...]


@click.group()
def clients() -> None:
    """Manage the clients that operators register."""


@clients.command(name="add")
@config_option
@click.argument("client_id")
@click.option("--name", required=True, help="The name on the consent page.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where people return to.")
@click.option(
    "--post-logout-redirect-uri",
    "post_logout_redirect_uris",
    multiple=True,
    help="Where people return to after the app signed them out.",
)
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
@click.option("--jwks-uri", type=URL, help="The URL of its public keys.")
@click.option("--tenant", help="Allow it its own tokens, only in this tenant.")
@click.option("--resource", "resources", multiple=True, help="A gateway for these tokens.")
@click.option("--scope", default="", help="The most scope they have.")
@click.option("--tool", "tools", multiple=True, help="A tool or @toolset they allow.")
@click.option("--data-scope", default="", help="The tenant's data they allow.")
@click.option("--must-push", is_flag=True, help="It must push its requests (RFC 9126).")
@click.option("--device", is_flag=True, help="People connect it with a code (RFC 8628).")
@click.option("--introspects", is_flag=True, help="Allow it to introspect any token.")
@click.option(
    "--dpop-bound-access-tokens",
    is_flag=True,
    help="Issue it only tokens that are bound to its key (DPoP).",
)
@click.option(
    "--tls-client-certificate-bound-access-tokens",
    is_flag=True,
    help="Issue it only tokens that are bound to its client certificate.",
)
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
    if tenant is None and (resources or scope or tools or data_scope):
        raise click.ClickException("to give a client its own tokens, add --tenant")
    own = {"tenant": tenant, "resources": resources, "scope": scope, "tools": tools}
    entry = {
        "client_id": client_id,
        "jwks": None if jwks is None else _read_json(jwks),
        "own_tokens": None if tenant is None else {**own, "data_scope": data_scope},
        **given,
    }
    secret = new_secret()

    async def work(db: DbSession) -> NewClient:
        new = read_new_client(entry)
        await add_client(
            db,
            COMMAND_LINE,
            new,
            resources=settings.resource_names,
            secret=secret if new.has_secret else None,
            replaces=True,
            now=utc_now(),
        )
        return new

    try:
        new = asyncio.run(in_transaction(settings, work))
    except Refused as refused:
        raise click.ClickException(str(refused).removeprefix("client: ")) from None
    echo(f"{client_id} is a managed client.")
    if new.has_secret:
        echo(f"{_SECRET}\n{secret}")


@clients.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the managed clients, and their secrets by the first digits of the hashes.

    The console and the admin API also list clients that registered themselves.
    """

    async def work(db: DbSession) -> list[ManagedClientView]:
        found = await read_every_page(
            lambda after: read_clients(db, COMMAND_LINE, source="managed", after=after, limit=MOST)
        )
        return [await _view(db, one) for one in found]

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no managed clients.")


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


@clients.command(name="add-workload")
@config_option
@click.argument("client_id")
@click.option("--issuer", required=True, help="The `iss` of its JWTs.")
@click.option("--jwks-uri", type=URL, required=True, help="The URL of the issuer's public keys.")
@click.option("--audience", default="", help="Their `aud`; by default the issuer of this server.")
@click.option("--subject", default="", help="Their `sub`, exactly.")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE", help="A further claim.")
def trust(config: Path | None, client_id: str, claims: tuple[str, ...], **given: str) -> None:
    """Let a workload of a cloud or CI system act as a client that has its own tokens."""
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        try:
            new = NewWorkload.model_validate({**given, "claims": parse_claims(claims)})
        except ValidationError as error:
            raise refuse(error) from None
        await trust_workload(
            db,
            COMMAND_LINE,
            client_id,
            new,
            workload_id=f"workload_{new_secret()[:16]}",
            issuer=settings.issuer,
            allow_loopback=not settings.secure,
            now=utc_now(),
        )

    _change(settings, work)
    echo(f"Workloads of {given['issuer']} act as {client_id}.")


@clients.command(name="drop-workload")
@config_option
@click.argument("client_id")
@click.argument("workload_id")
def distrust(config: Path | None, client_id: str, workload_id: str) -> None:
    """End what WORKLOAD_ID, as `clients list` shows it, may do as a client."""
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        lifetime = settings.longest_token_lifetime
        await end_workload(
            db, COMMAND_LINE, client_id, workload_id, lifetime=lifetime, now=utc_now()
        )

    _change(settings, work)
    echo(f"{workload_id} does nothing as {client_id} any more.")


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


async def _view(db: DbSession, client: ClientView) -> ManagedClientView:
    return ManagedClientView(
        **client.model_dump(),
        secrets=tuple(await read_secrets(db, COMMAND_LINE, client.client_id, now=utc_now())),
        own_tokens=tuple(
            OwnTokens(
                tenant=one.tenant_id,
                resources=(one.resource,),
                scope=one.scope,
                tools=tuple(one.tools),
                data_scope=one.data_scope,
            )
            for one in await list_ceilings(db, client.client_id)
        ),
        workloads=tuple(await read_workloads(db, COMMAND_LINE, client.client_id)),
    )


def _describe(client: ManagedClientView) -> str:
    state = "disabled" if client.disabled_at is not None else "active"
    method = client.token_endpoint_auth_method
    asks = "  (introspects)" if client.introspects else ""
    asks += "  (must push)" if client.must_push else ""
    asks += "  (device codes)" if client.device else ""
    lines = [f"{client.client_id}  {state}  {method}  {client.name}{asks}"]
    for secret in client.secrets:
        until = f", until {secret.expires_at:%Y-%m-%d %H:%M}" if secret.expires_at else ""
        lines.append(
            f"  secret {secret.beginning}, since {secret.created_at:%Y-%m-%d %H:%M}{until}"
        )
    lines += [
        f"  itself in {one.tenant} at {', '.join(one.resources)}: {one.scope}; "
        f"{', '.join(one.tools)}; {one.data_scope or 'all data of the tenant'}"
        for one in client.own_tokens
    ]
    lines += [
        f"  {one.workload_id}: {one.issuer} {one.subject or one.claims}" for one in client.workloads
    ]
    return "\n".join(lines)


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
